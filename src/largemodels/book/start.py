"""The start of every chapter: its scale, its seed and the style of its figures.

When the book is executed, :func:`start` also arranges for what the chapter used to be written to a journal, from which
the chapter's record is made.
"""

from __future__ import annotations

import atexit
import os
import random
from dataclasses import dataclass
from typing import Any

from ..data import registry
from . import claims, provenance
from .journal import FILE, note

SCALES = ("smoke", "laptop", "gpu")
RUN_ON = "one core"  # of a processor: tools.execute gives each notebook one thread


@dataclass(frozen=True)
class Setting:
    """The settings that a chapter runs with, as attributes: ``setting.steps``; displayed as a table of all scales."""

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
    """Begin a chapter: choose the settings of one scale, seed every random generator, set the style of figures.

    Args:
        scale: "smoke", "laptop" or "gpu".
        seed: for Python, NumPy and torch.
        smoke: the settings of the scale that only tests that the code runs.
        laptop: the settings of the printed results; the other scales have the same names.
        gpu: the published sizes, if the chapter has that scale.
        measured: where each scale was run, if not on one core; scales not named are shown as "not run".

    Returns:
        the settings as attributes; displayed as a table.

    Raises:
        ValueError: if the chapter has no such scale, or its scales have settings of different names.
    """
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
    claims.begin(scale)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    use_style()
    note(scale=scale, seed=seed)
    if FILE in os.environ:
        registry.watch()
        atexit.register(_note_use)
    return Setting(scale, seed, values, measured or {"smoke": RUN_ON, "laptop": RUN_ON})


def _note_use() -> None:
    """Record, at exit, the processor and the library files, packages and data that the chapter has used."""
    note(library=provenance.loaded(), versions=provenance.imported(), processor=provenance.processor())
    for name in sorted(registry.used | registry.opened):
        note(data=name)
