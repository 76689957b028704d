"""Checks of what an objective is given."""

from __future__ import annotations


def share(**values: float) -> None:
    """Refuse values that are no shares: from 0 to 1.

    Raises:
        ValueError: naming the first such value.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, not {value}.")
