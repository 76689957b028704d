"""Where a submission runs: a process of its own that sees no test, no other submission and no network.

With bubblewrap (Linux, package `bubblewrap`) the process has a file system in which only Python, its packages, the
library and an empty folder exist, no network, and its own process numbers. Without it the limits of the
operating system on memory, time and file size remain; :data:`KIND` says which of the two a report rests on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from largemodels.paths import data_root, library_root
from tools.course import worker


def _bubblewrap() -> str | None:
    """Where bubblewrap is, if the system lets it work; some containers do not."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    trial = [path, "--unshare-all", "--ro-bind", "/", "/", "true"]
    return path if subprocess.run(trial, capture_output=True, check=False).returncode == 0 else None


BWRAP = _bubblewrap()
KIND = "sandbox" if BWRAP else "limits only"
MEMORY = 6_000_000_000  # bytes of addresses; PyTorch alone takes about 3
FILE_SIZE = 50_000_000
PROCESSES = 64  # with threads; counted apart from those of the user, and for root without effect
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives")


class Ended(Exception):
    """The process has ended, or its time is over; the message says which."""


class Sandbox:
    """A worker (:mod:`tools.course.worker`) with what it may see.

    Args:
        folder: the submission's own folder, the only one in which it can write.
        seconds: processor time of the whole process.
    """

    def __init__(self, folder: Path, seconds: int) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        program = folder / ".worker.py"
        shutil.copyfile(worker.__file__, program)
        limits = (MEMORY, seconds, FILE_SIZE, PROCESSES if BWRAP else 0)
        arguments = [str(it) for it in (commands, answers, *limits)]
        python = [sys.executable, "-P", str(program), *arguments]
        self._process = subprocess.Popen(
            [*_walls(folder), *python],
            pass_fds=(commands, answers),
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""

    def send(self, **message: Any) -> None:
        """One message to the worker.

        Raises:
            Ended: if the process has ended.
        """
        try:
            data = (json.dumps(message) + "\n").encode()
            while data:
                data = data[os.write(self._commands, data) :]
        except BrokenPipeError:
            raise Ended("it ended the process") from None

    def receive(self, deadline: float) -> dict[str, Any]:
        """The worker's next message, at latest at a time of `time.monotonic`.

        Raises:
            Ended: if the process has ended, its time is over, or what it sends is no message.
        """
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Ended("it took too long")
            data = os.read(self._answers, 1 << 16)
            if not data:
                raise Ended("it ended the process")
            self._unread += data
            if len(self._unread) > worker.LONGEST:
                raise Ended("it sent too much")
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError:
            raise Ended("it wrote into the grader's pipe") from None
        if not isinstance(message, dict):
            raise Ended("it wrote into the grader's pipe")
        return message

    def close(self) -> None:
        """End the process and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.kill()
        self._process.wait()
        for pipe in (self._commands, self._answers):
            os.close(pipe)


@contextlib.contextmanager
def opened(seconds: int) -> Iterator[Sandbox]:
    """A sandbox with an empty folder, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="submission-") as name:
        folder = Path(name)
        box = Sandbox(folder, seconds)
        try:
            yield box
        finally:
            box.close()


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "USER": "student",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(library_root().parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LARGEMODELS_SCALE": "smoke",
    }


def _walls(folder: Path) -> list[str]:
    """The start of the command line: what the process may see."""
    if BWRAP is None:
        return []
    line = [BWRAP, "--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    line += ["--tmpfs", "/tmp"]
    seen = [Path(it) for it in SYSTEM]
    seen += [Path(sys.prefix), Path(sys.base_prefix), library_root().parent, data_root()]
    for path in seen:
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
            path = path.resolve()
        if path.exists():
            line += ["--ro-bind", str(path), str(path)]
    return [*line, "--bind", str(folder), str(folder), "--chdir", str(folder)]
