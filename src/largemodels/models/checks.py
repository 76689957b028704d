"""Checks of settings, each of which says in one line what is wrong."""

from __future__ import annotations

from collections.abc import Iterable


def at_least(least: float, **values: float | None) -> None:
    """Refuse values below ``least`` and NaN; None means not given.

    Raises:
        ValueError: naming the first such value.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} must be at least {least}, not {value}.")


def one_of(choices: Iterable[str], **values: str) -> None:
    """Refuse values that are not among the choices.

    Raises:
        ValueError: naming the first such value.
    """
    choices = list(choices)
    for name, value in values.items():
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")


def probability(**values: float) -> None:
    """Refuse values that are not valid dropout probabilities: at least 0 and below 1.

    Raises:
        ValueError: naming the first such value.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}.")
