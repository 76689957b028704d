"""Claims: the numbers that a chapter's text relies on, each checked against its bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .journal import note

MARK = "claim · "  # how the line of a claim begins; the book's pages leave these lines out
_scale: str | None = None  # of the chapter; None: not started


class ClaimError(AssertionError):
    """A number that the text relies on lies outside its bounds."""


def begin(scale: str) -> None:
    """Set the scale of the chapter, which decides whether claims are checked; called by :func:`.start.start`."""
    global _scale
    _scale = scale


def claim_line(name: str, value: float, low: float, high: float, unit: str) -> str:
    """The line that a checked claim prints."""
    unit = f" {unit}" if unit else ""
    return f"{MARK}{name} = {value:.4g}{unit} · within [{low:g}, {high:g}]"


def claim(
    name: str,
    value: float,
    low: float,
    high: float,
    unit: str = "",
    *,
    timed: bool = False,
    over_seeds: Iterable[float] = (),
) -> None:
    """Check a number that the text relies on, print it and record it.

    It is checked only at the scale "laptop", since the bounds come from the spread over seeds at that scale.

    Args:
        name: what is claimed, unique in the chapter.
        value: what this run computed.
        low: the smallest value for which the text is still true.
        high: the largest.
        unit: "nats", "s", "×", "%" (then value and bounds are in per cent) or empty.
        timed: whether the value is a timing, which differs between runs, so that only the bounds can be compared.
        over_seeds: the same number for several seeds, such as a study's rows; the page shows their spread.

    Raises:
        ClaimError: if the value, or that of a seed, is outside the bounds or not a number.
        RuntimeError: if the chapter has not been started.
    """
    if _scale is None:
        raise RuntimeError("Call start before claim: a claim depends on the scale.")
    value = float(value)
    if _scale != "laptop":
        print(f"{MARK}{name} = {value:.4g}{f' {unit}' if unit else ''} · not checked at {_scale}")
        return
    print(claim_line(name, value, low, high, unit))
    if not low <= value <= high:  # also true for NaN
        raise ClaimError(f"{name} = {value:.4g} is outside [{low:g}, {high:g}]: the text is no longer true.")
    noted: dict[str, Any] = {"name": name, "value": value, "low": low, "high": high, "unit": unit}
    if timed:
        noted["timed"] = True
    if seeds := [float(one) for one in over_seeds]:
        if outside := [one for one in seeds if not low <= one <= high]:
            raise ClaimError(f"{name} = {outside[0]:.4g} at another seed is outside [{low:g}, {high:g}].")
        noted["spread"] = {"low": min(seeds), "high": max(seeds), "seeds": len(seeds)}
    note(claim=noted)
