"""Atomic writing of files and folders, their checksums, and JSON with every number."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

_LOCK = re.compile(r".+\.[0-9a-f]{8}\.aside\.lock")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@contextmanager
def aside(path: Path | str) -> Iterator[Path]:
    """A path of the same name in a temporary folder beside ``path``, for a file or folder to be written to.

    When the block ends, what was written is flushed to disk and moved to ``path``; if the block fails, or SIGTERM or
    SIGHUP ends the process, it is deleted. A killed process leaves it behind, and the next :func:`aside` or
    :func:`clean` in the same folder deletes it. Several processes may write the same file: the last one wins. A folder
    replaces nothing but an empty folder. Missing parent folders are created.
    """
    from filelock import FileLock

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clean(path.parent)
    work = path.with_name(f"{path.name}.{secrets.token_hex(4)}.aside")
    lock = work.with_name(f"{work.name}.lock")
    try:
        # The lock comes first: whoever finds it free knows that nobody writes into the folder.
        with _exit_on_signals(), FileLock(lock, timeout=10):
            try:
                work.mkdir()
                yield work / path.name
                usual_modes(work)
                flush_all(work)
                (work / path.name).replace(path)
                flush(path.parent)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    finally:
        lock.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Delete what killed processes have left in a folder by :func:`aside`, nothing that a process still writes."""
    from filelock import FileLock

    for lock in folder.glob("*.aside.lock"):
        if _LOCK.fullmatch(lock.name):
            with suppress(OSError, NotImplementedError):  # also if the lock is taken
                with FileLock(lock, timeout=0):
                    if (work := lock.with_suffix("")).exists():
                        shutil.rmtree(work)
                lock.unlink(missing_ok=True)


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit inside the block; by default they end a process without cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    fatal = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in fatal:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in fatal:
            signal.signal(number, signal.SIG_DFL)


def usual_modes(folder: Path) -> None:
    """Give all files in a folder the mode of a new file: some libraries make theirs readable by the owner only."""
    new = folder / f".{secrets.token_hex(4)}"
    new.touch()  # the only way to learn the umask without changing it for other threads
    mode = new.stat().st_mode
    new.unlink()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode != mode:
            path.chmod(mode)


def flush(path: Path) -> None:
    """Wait until a file is on disk, or the list of a folder's entries (fsync).

    For folders, Windows and some network disks have no such call; nothing is done there.

    Raises:
        OSError: if a file cannot be written to disk.
    """
    if not path.is_dir():
        _sync(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    elif os.name == "posix":
        with suppress(OSError):
            _sync(path, os.O_RDONLY)


def flush_all(folder: Path) -> None:
    """Wait until a folder and all files and folders in it are on disk, see :func:`flush`."""
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            flush(path)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def regular(path: Path | str, longest: int) -> Path:
    """The path of a regular file that is not longer than it can be: a pipe or a device may never end.

    Args:
        path: of the file, or of a link to it.
        longest: number of bytes.

    Raises:
        ValueError: if it is something else, or longer.
        OSError: if there is none.
    """
    path = Path(path)
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    if found.st_size > longest:
        raise ValueError(f"it has {found.st_size:,} bytes, more than {longest:,}")
    return path


def to_json(value: Any, **options: Any) -> str:
    """JSON that any reader understands: numbers that are not finite are the strings "NaN", "Infinity", "-Infinity".

    JSON itself has no such numbers; these strings are those of Protocol Buffers
    (https://protobuf.dev/programming-guides/json/). :func:`from_json` returns the numbers.

    Args:
        value: of dictionaries, lists, tuples, strings and numbers.
        options: of ``json.dumps``.
    """
    default = options.pop("default", None)
    return json.dumps(_named(value, default), allow_nan=False, **options)


def _named(value: Any, default: Any) -> Any:
    """A copy in which numbers that are not finite are named."""
    if isinstance(value, dict):
        return {key: _named(it, default) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [_named(it, default) for it in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, str | int | float) or default is None:
        return value
    return _named(default(value), None)


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text, by :func:`to_json` or older, in which NaN stands without quotation marks.

    Raises:
        ValueError: if it is not JSON, or nested too deeply.
    """
    try:
        return _numbers(json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(it) for key, it in value.items()}
    if isinstance(value, list):
        return [_numbers(it) for it in value]
    return _NOT_FINITE.get(value, value) if isinstance(value, str) else value
