"""What every chapter begins with, and what it may say.

``start`` sets seeds and names the scale; ``claim`` checks a number that the text relies on. When the book is
executed, both also write what they saw into a journal, from which the chapter's record is made.
"""

from __future__ import annotations

import atexit
import random
from dataclasses import dataclass
from typing import Any

from . import provenance
from .journal import note

SCALES = ("smoke", "laptop", "gpu")

_scale: str | None = None


class ClaimError(AssertionError):
    """A number that the text relies on lies outside its bounds."""


@dataclass(frozen=True)
class Setting:
    """The numbers that a chapter runs with: ``setting.steps``; shows as a table of all scales."""

    scale: str
    seed: int
    values: dict[str, dict[str, Any]]
    measured: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[self.scale][name]
        except KeyError:
            raise AttributeError(f"The scale {self.scale!r} has no setting {name!r}.") from None

    def _repr_markdown_(self) -> str:
        names = list(self.values["laptop"])
        lines = [
            ["setting", *self.values],
            ["---", *("---:" for _ in self.values)],
            *([f"`{name}`", *(f"{self.values[scale][name]:,}" for scale in self.values)] for name in names),
            ["run on", *(self.measured.get(scale, "not run") for scale in self.values)],
        ]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def __repr__(self) -> str:
        return self._repr_markdown_()


def start(
    scale: str,
    seed: int,
    *,
    smoke: dict[str, Any],
    laptop: dict[str, Any],
    gpu: dict[str, Any] | None = None,
    measured: dict[str, str] | None = None,
) -> Setting:
    """Begin a chapter: choose the numbers of one scale, seed every random generator, set the look of figures.

    Args:
        scale: "smoke", "laptop" or "gpu".
        seed: for Python, NumPy and torch.
        smoke: the numbers of the scale that only proves that the code runs.
        laptop: the numbers of the printed results; the other scales have the same names.
        gpu: the published sizes, if the chapter has that scale.
        measured: where each scale was run; "not run" stands for a scale that is not named.

    Returns:
        the numbers as attributes; shows as a table.

    Raises:
        ValueError: if the scale is not one of this chapter.
    """
    global _scale
    import numpy as np
    import torch

    from .plots import use_style

    given = {"smoke": smoke, "laptop": laptop, "gpu": gpu}
    values = {name: numbers for name, numbers in given.items() if numbers is not None}
    if scale not in values:
        raise ValueError(f"SCALE is {scale!r}; this chapter has {', '.join(values)}.")
    for name, numbers in values.items():
        if differing := sorted(numbers.keys() ^ laptop.keys()):
            raise ValueError(f"The scales 'laptop' and {name!r} differ in the names {', '.join(differing)}.")
    _scale = scale
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    use_style()
    note(scale=scale, seed=seed)
    atexit.register(lambda: note(library=provenance.loaded()))
    return Setting(scale, seed, values, measured or {"smoke": "two cores", "laptop": "two cores"})


def claim_line(name: str, value: float, low: float, high: float, unit: str) -> str:
    """The line that a checked claim prints."""
    unit = f" {unit}" if unit else ""
    return f"claim · {name} = {value:.4g}{unit} · within [{low:g}, {high:g}]"


def claim(name: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Check a number that the text relies on, print it and note it.

    Only the scale "laptop" is checked: the bounds come from its spread over seeds.

    Args:
        name: what is claimed, unique in the chapter.
        value: what this run computed.
        low: the least value at which the text is still true.
        high: the greatest.
        unit: "nats", "s", "×", "%" (then value and bounds are in per cent) or empty.

    Raises:
        ClaimError: if the value is outside the bounds, or not a number.
        RuntimeError: if the chapter has not been started.
    """
    if _scale is None:
        raise RuntimeError("Call start before claim: a claim depends on the scale.")
    value = float(value)
    if _scale != "laptop":
        print(f"claim · {name} = {value:.4g}{f' {unit}' if unit else ''} · not checked at {_scale}")
        return
    print(claim_line(name, value, low, high, unit))
    if not low <= value <= high:  # also true for NaN
        raise ClaimError(f"{name} = {value:.4g} is outside [{low:g}, {high:g}]: the text is no longer true.")
    note(claim={"name": name, "value": value, "low": low, "high": high, "unit": unit})
