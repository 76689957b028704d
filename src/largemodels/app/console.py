"""What the command line says: errors as one line, and notes apart from the result.

Results go to stdout, everything else to stderr. This module imports nothing that takes time.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from typing import Any

DEBUG = "LARGEMODELS_DEBUG"
# How threads wait for each other, by the names of GNU's, LLVM's and Intel's OpenMP; read when torch is loaded.
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
USERS = {*WAITING, "GOMP_SPINCOUNT"}  # where one of these is set, the user has decided


def wait_without_spinning() -> None:
    """Let threads that wait for each other sleep instead of spinning, unless the user's environment says how to wait.

    OpenMP's threads spin: beside another busy program each waits, at full load, for one that has no core to run on, and
    decoding, which synchronises hundreds of times a token, takes several times as long. The results are the same.
    """
    if not USERS & os.environ.keys():
        os.environ.update(WAITING)


def print_everything() -> None:
    """Let stdout and stderr print a character that their encoding lacks, as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Stopped(Exception):
    """Training was interrupted; the message says what was saved. Typer would swallow a KeyboardInterrupt."""


_ADVICE: dict[type[Exception], str] = {
    FileNotFoundError: "If it was moved meanwhile, name its new place.",
    PermissionError: "Allow this user to read and write it, or name another place.",
}


def refused(error: Any) -> str:
    """Typer's error message, and how to get the help of that command."""
    said = error.format_message().rstrip()
    end = "" if said.endswith((".", "?", "!")) else "."
    return f"{said}{end} Help: {error.ctx.command_path if error.ctx else 'largemodels'} --help"


def explained(error: Exception) -> str:
    """The message of an error, with more detail for errors that were not foreseen."""
    if isinstance(error, ModuleNotFoundError):
        return (
            f"The package {error.name!r} is missing. Run: pip install {quoted(_requirement(str(error.name)))}"
        )
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}. {_ADVICE.get(type(error), '')}".strip()
    if (
        isinstance(error, MemoryError)
        or "can't allocate memory" in str(error)
        or "out of memory" in str(error)
    ):
        return f"There is not enough memory for this: ask for a smaller model, batch or text. {_begin(error)}"
    if isinstance(error, OSError | FloatingPointError) or type(error).__module__.startswith("largemodels."):
        return str(error)
    return f"{type(error).__name__}: {error} Set {DEBUG}=1 to see where."


def _begin(error: Exception) -> str:
    """The first line of an error's message, in parentheses; empty if there is none."""
    return f"({lines[0]})" if (lines := str(error).splitlines()) else ""


def _requirement(package: str) -> str:
    """What pip installs a package by, with the versions that this library goes with, extras of it included."""
    import importlib.metadata

    with suppress(importlib.metadata.PackageNotFoundError):
        for line in importlib.metadata.requires("largemodels") or ():
            wanted = line.partition(";")[0].strip()
            if re.split(r"[^\w.-]", wanted)[0].replace("-", "_").lower() == package.replace("-", "_").lower():
                return wanted
    return package


def fail(message: str, code: int) -> int:
    """Print an error as one line. Under torchrun, an error that all processes share is printed by the first."""
    if code == 1 or first():
        print("Error: " * (code != 130) + " ".join(message.split()), file=sys.stderr)
    return code


def first() -> bool:
    """Whether this is the only process, or rank 0 under torchrun."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a line on stderr, apart from the generated text; under torchrun only rank 0 prints."""
    if first():
        print(text, file=sys.stderr)


def quoted(*words: object) -> str:
    """Words as a shell reads them back, for commands that a message advises; none reads as an option."""
    plain = [f".{os.sep}{word}" if str(word).startswith("-") else str(word) for word in words]
    return shlex.join(plain) if os.name == "posix" else subprocess.list2cmdline(plain)
