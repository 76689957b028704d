"""Words of messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 exercise", "1,200 cells"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
