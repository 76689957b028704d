"""What failed, in one line: the kind of an error and the first line of its message."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_KERNEL = re.compile(r"^\[IPKernelApp\] .*\n?", re.M)  # what a kernel notes as it ends is no reason
_HEAD = "Traceback (most recent call last)"


def first_line(text: str) -> str:
    """The first line of a text that is not blank; empty if there is none."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def named(kind: str, message: str) -> str:
    """An error with its kind, whether or not it has a message: "ValueError: too small", "KeyboardInterrupt"."""
    return f"{kind}: {line}" if (line := first_line(message)) else kind


def last_error(printed: str, otherwise: str = "ended without an error message") -> str:
    """The error with which a process or cell ended, from its traceback; without one, the last line printed.

    Python's tracebacks and IPython's, which write the kind into the first line, are understood.
    """
    text = _KERNEL.sub("", _COLOUR.sub("", printed)).strip()
    before, head, after = text.rpartition(_HEAD)
    kind = re.search(r"^(\S+)[ \t]+\Z", before, re.M)
    if head and kind:  # IPython's
        _, found, message = after.rpartition(f"\n{kind[1]}")
        if found:
            return named(kind[1], message.removeprefix(":"))
    elif head:
        error = re.search(r"^([^\s:]+)(?::(.*))?\Z", _unindented(after), re.M | re.S)
        if error:
            return named(error[1], error[2] or "")
    return text.splitlines()[-1].strip() if text else otherwise


def _unindented(trace: str) -> str:
    """A traceback from the line on that is its error."""
    lines = trace.removeprefix(":").strip("\n").splitlines()
    start = next((at for at, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return "\n".join(lines[start:])
