"""Processes that the tools start, which leave nothing behind: they are ended together with all that they started.

A notebook's kernel, and what the kernel starts in turn, belong to other sessions and process groups. What all of them
inherit is the environment: a mark in it finds them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import IO, TypeVar

import psutil  # type: ignore[import-untyped]

MARK = "LARGEMODELS_RUN"  # environment variable: one value for each call of `run`
SHOWN = 1_000_000  # bytes kept of the end of what a process printed

_running: set[str] = set()
_T = TypeVar("_T")


def run(
    command: list[str], cwd: Path, env: dict[str, str], timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Like `subprocess.run` with captured output, but ends whatever the process has started as soon as it ends.

    Of what it prints, the end is kept. Output goes to files: a pipe would stay open as long as a child of it lives.

    Raises:
        subprocess.TimeoutExpired: after ``timeout`` seconds.
    """
    mark = uuid.uuid4().hex
    _running.add(mark)
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env | {MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # Ctrl-C reaches only this process, which ends the others
            )
            try:
                process.wait(timeout)
            finally:
                _end(mark)
                process.wait()
            return subprocess.CompletedProcess(command, process.returncode, _tail(out), _tail(err))
    finally:
        _running.discard(mark)


def _tail(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - SHOWN))
    return file.read().decode("utf-8", errors="replace")


def _end(*marks: str) -> None:
    """Kill every process that has one of the marks, until there is none."""
    while True:
        others = (process for process in psutil.process_iter() if process.pid != os.getpid())
        found = [process for process in others if _mark(process) in marks]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, timeout=1)


def _mark(process: psutil.Process) -> str | None:
    """The mark of a living process."""
    try:
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return None if dead else process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None  # another user's, or gone


def end_with_parent() -> None:
    """Have this process, and all that it starts, end when the process that called `run` is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        _end(os.environ[MARK])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def in_parallel(
    work: Callable[[str], _T], names: Iterable[str]
) -> Generator[tuple[str, Future[_T]], None, None]:
    """Do the work for each name, as many at once as there are cores; names and results as they come.

    If it is interrupted or closed, all that `run` has started is ended, and nothing more is begun: use it with
    `contextlib.closing`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(work, name): name for name in names}
        try:
            for future in as_completed(running):
                yield running[future], future
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in running):  # a thread may be about to start its process
                _end(*_running)
                time.sleep(0.1)
            raise


def interruptible(main: Callable[[], _T]) -> _T:
    """Call a command's main function; Ctrl-C, TERM and a closed terminal end it and its processes, in one line."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if (
            hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN
        ):  # as nohup asks
            signal.signal(getattr(signal, name), stop)
    try:
        return main()
    except KeyboardInterrupt:
        raise SystemExit(
            "Stopped. What was finished is stored; run the same command again for the rest."
        ) from None
