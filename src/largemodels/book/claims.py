"""Claims: the numbers that a chapter's text relies on, each checked against its bounds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .journal import FILE, note

EXPLORE = "LARGEMODELS_EXPLORE"  # environment variable; "1": claims report what is outside and go on
MARK = "claim · "  # how the line of a claim begins; the book's pages leave these lines out
OUTSIDE = "this text does not describe your run"  # how the line of a claim outside its bounds ends
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

    It is checked only at the scale "laptop", since the bounds come from the spread over seeds at that scale. With the
    environment variable ``LARGEMODELS_EXPLORE=1``, a claim outside its bounds is reported and the chapter goes on: for
    data and settings of one's own. The book is never made from such a run.

    Args:
        name: what is claimed, unique in the chapter.
        value: what this run computed.
        low: the smallest value for which the text is still true.
        high: the largest.
        unit: "nats", "s", "×", "%" (then value and bounds are in per cent) or empty.
        timed: whether the value is a timing, which differs between runs, so that only the bounds can be compared.
        over_seeds: the same number for several seeds, such as a study's rows; the page shows their spread.

    Raises:
        ClaimError: if the value, or that of a seed, is outside the bounds or not a number, unless the reader explores.
        RuntimeError: if the chapter has not been started.
    """
    if _scale is None:
        raise RuntimeError("Call start before claim: a claim depends on the scale.")
    value, seeds = float(value), [float(one) for one in over_seeds]
    if _scale != "laptop":
        print(f"{MARK}{name} = {value:.4g}{f' {unit}' if unit else ''} · not checked at {_scale}")
        return
    outside = [one for one in [value, *seeds] if not low <= one <= high]  # also true for NaN
    if outside:
        at = " at another seed" if low <= value <= high else ""
        _report(f"{name} = {outside[0]:.4g}{f' {unit}' if unit else ''}{at}", f"outside [{low:g}, {high:g}]")
        return
    print(claim_line(name, value, low, high, unit))
    noted: dict[str, Any] = {"name": name, "value": value, "low": low, "high": high, "unit": unit}
    if timed:
        noted["timed"] = True
    if seeds:
        noted["spread"] = {"low": min(seeds), "high": max(seeds), "seeds": len(seeds)}
    note(claim=noted)


def _report(found: str, where: str) -> None:
    """Stop at a claim that does not hold, or say so and go on if the reader explores.

    A run that makes a record never explores, whatever its environment says.
    """
    recorded = FILE in os.environ
    if os.environ.get(EXPLORE, "0") not in ("", "0") and not recorded:
        print(f"{MARK}{found} · {where}: {OUTSIDE}")
        return
    advice = (
        ""
        if recorded
        else f" To go on with data or settings of your own, run `%env {EXPLORE}=1` in a cell, then this cell again."
    )
    raise ClaimError(f"{found} is {where}: the text is no longer true.{advice}")
