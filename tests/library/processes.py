"""Programs in processes of their own that need not import torch again: forked from a server that has imported it.

`run` and `start` are used like those of `subprocess`. Such a process has its own memory, signals, limits, folder,
environment and pipes, and runs a module or a file as `__main__`; only what Python does before that is saved, a few
seconds each time. What is about those seconds (a missing package, torchrun, a shell's pipe) uses `subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["largemodels.app.runs", "torch.distributed.fsdp", "largemodels.app.cli"])
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # read when torch is loaded, so by the server


def _become(
    program: str | Path,
    arguments: list[str],
    pipes: tuple[Connection, Connection, Connection],
    environment: dict[str, str],
    cwd: str,
    file_size: int | None,
) -> None:
    """Turn a forked process into ``python -m program`` or ``python program``."""
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    # A server's own objects for 0 to 2 may be closed, or those of a test runner.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    sys.argv = [str(program), *arguments]
    execute: Callable[..., object] = runpy.run_path if isinstance(program, Path) else runpy.run_module
    execute(str(program), run_name="__main__", **({} if isinstance(program, Path) else {"alter_sys": True}))


class Process:
    """A running program; as much of `subprocess.Popen` as the tests use."""

    def __init__(
        self,
        program: str | Path,
        *arguments: object,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        file_size: int | None = None,
    ) -> None:
        """Start a module by its name or a file by its path.

        ``file_size`` limits the size of the files that it writes, in bytes.
        """
        with patch.dict(os.environ, ONE_THREAD):
            forkserver.ensure_running()
        inward, self._stdin = CONTEXT.Pipe(duplex=False)
        self._out, outward = CONTEXT.Pipe(duplex=False)
        self._err, errors = CONTEXT.Pipe(duplex=False)
        theirs = (inward, outward, errors)
        place, environment = str(cwd or Path.cwd()), dict(os.environ if env is None else env)
        self._process = CONTEXT.Process(
            target=_become,
            args=(program, list(map(str, arguments)), theirs, environment, place, file_size),
            daemon=True,
        )
        self._process.start()
        for pipe in theirs:
            pipe.close()
        self.stdout = os.fdopen(os.dup(self._out.fileno()), encoding="utf-8")
        self.stderr = os.fdopen(os.dup(self._err.fileno()), encoding="utf-8", newline="")
        self._out.close()
        self._err.close()

    @property
    def returncode(self) -> int | None:
        """The exit code, minus a signal's number, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, text: str = "", timeout: float = 300) -> tuple[str, str]:
        """Write to its standard input, wait for its end; what it wrote on both pipes since they were read last."""
        os.write(self._stdin.fileno(), text.encode())
        self._stdin.close()
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            self._process.join(timeout)
            if late := self._process.is_alive():
                self.kill()
                self._process.join()
        self.stdout.close()
        self.stderr.close()
        if late:
            raise subprocess.TimeoutExpired(str(self._process), timeout, out.result(), err.result())
        return out.result(), err.result()


def start(program: str | Path, *arguments: object, **options) -> Process:
    """Start a program, see `Process`."""
    return Process(program, *arguments, **options)


def run(
    program: str | Path, *arguments: object, input: str = "", timeout: float = 300, **options
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, see `Process`."""
    process = start(program, *arguments, **options)
    out, err = process.communicate(input, timeout)
    assert process.returncode is not None
    return subprocess.CompletedProcess([str(program), *map(str, arguments)], process.returncode, out, err)


def team(
    number: int,
    program: str | Path,
    *arguments: object,
    env: dict[str, str] | None = None,
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run a program as so many processes that know of each other, with the environment that torchrun gives them.

    What they write is put together, rank after rank; the exit code is the first that is not 0.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "WORLD_SIZE": number,
        "LOCAL_WORLD_SIZE": number,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    base = dict(os.environ if env is None else env)
    ranks = [
        start(
            program,
            *arguments,
            env=base | {k: str(v) for k, v in (common | {"RANK": n, "LOCAL_RANK": n}).items()},
        )
        for n in range(number)
    ]
    with ThreadPoolExecutor(number) as waiting:
        ends = list(waiting.map(lambda rank: rank.communicate(timeout=timeout), ranks))
    codes = [rank.returncode or 0 for rank in ranks]
    out, err = ("".join(texts) for texts in zip(*ends, strict=True))
    return subprocess.CompletedProcess([str(program)], next(filter(None, codes), 0), out, err)
