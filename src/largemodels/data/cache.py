"""Folders in the user's cache: filled by one process at a time, and either complete or absent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from .. import files
from .checks import DataError, check

SUMS = "sha256.json"  # beside the files that made_once() created: SHA-256 by file name


def cache_root() -> Path:
    """The library's folder in the user's cache. It may be deleted at any time: everything in it can be recreated."""
    return platformdirs.user_cache_path("largemodels")


def clean() -> None:
    """Delete what killed processes have left in the cache, nothing that a process still writes."""
    for folder in {lock.parent for lock in cache_root().rglob("*.aside.lock")}:
        files.clean(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process at a time into the block for this folder; others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which replaces ``folder`` when the block ends, and is deleted if the block fails.

    Only for the process that has :func:`locked` the folder.
    """
    with files.aside(folder) as place:
        place.mkdir()
        yield place
        if folder.exists():
            shutil.rmtree(folder)


def made_once(folder: Path, make: Callable[[Path], object], what: str) -> Path:
    """A folder that the first call creates; every call checks its files against checksums recorded then.

    Args:
        folder: in the cache.
        make: called with an empty folder, writes files into it.
        what: description of the files for messages, such as "the converted SmolLM2".

    Returns:
        ``folder``.

    Raises:
        DataError: if a file is missing or damaged.
    """
    with locked(folder):
        if not folder.exists():
            with filled(folder) as place:
                make(place)
                sums = {path.name: files.sha256(path) for path in sorted(place.iterdir())}
                (place / SUMS).write_text(json.dumps(sums, indent=2), encoding="utf-8")
    again = f"Delete the folder {folder} and call again."
    try:
        sums = dict(files.from_json((folder / SUMS).read_bytes()))
    except (OSError, ValueError, TypeError):
        raise DataError(f"{SUMS} of {what} is missing or damaged. {again}") from None
    for name, checksum in sums.items():
        check(folder / name, checksum, what, again)
    return folder
