"""What the command line says: errors as one line, and notes apart from the result.

Results go to stdout, everything else to stderr. This module imports nothing that takes time.
"""

from __future__ import annotations

import os
import sys
from typing import Any

DEBUG = "LARGEMODELS_DEBUG"


class Stopped(Exception):
    """Training was interrupted; the message says what was saved. Typer would swallow a KeyboardInterrupt."""


def refused(error: Any) -> str:
    """Typer's error message, and how to get the help of that command."""
    said = error.format_message().rstrip()
    end = "" if said.endswith((".", "?", "!")) else "."
    return f"{said}{end} Help: {error.ctx.command_path if error.ctx else 'largemodels'} --help"


def explained(error: Exception) -> str:
    """The message of an error, with more detail for errors that were not foreseen."""
    if isinstance(error, ModuleNotFoundError):
        return f"The package {error.name!r} is missing. Run: pip install 'largemodels[reference]'"
    if isinstance(error, OSError | FloatingPointError) or type(error).__module__.startswith("largemodels."):
        return str(error)
    return f"{type(error).__name__}: {error} Set {DEBUG}=1 to see where."


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
