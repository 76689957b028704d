"""The progress of a training run, and the table of its evaluations."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor


class History(pd.DataFrame):
    """One row per evaluation, one column per measurement; otherwise a pandas data frame."""

    @property
    def _constructor(self) -> type[History]:
        return History

    def plot_losses(self, axis: Any = None) -> Any:
        """Draw every column whose name ends in ``loss`` against the steps.

        Args:
            axis: matplotlib axes to draw into; None: the current ones.

        Returns:
            the axes.
        """
        import matplotlib.pyplot as plt

        axis = axis or plt.gca()
        for name in (str(column) for column in self.columns):
            if name.endswith("loss"):
                axis.plot(self["step"], self[name], label=name.replace("_", " "))
        axis.set_xlabel("step")
        axis.set_ylabel("loss")
        axis.legend()
        return axis


@dataclass
class Progress:
    """Progress of a training run. Losses stay on the device until needed, since fetching them synchronises with it."""

    step: int = 0  # updates done
    seconds: float = 0.0  # training time, excluding evaluation and saving
    rows: list[dict[str, Any]] = field(default_factory=list)  # of the history
    losses: list[float] = field(default_factory=list)  # of the updates since the last row
    latest: float = math.nan  # the loss most recently fetched
    unread: list[Tensor] = field(
        default_factory=list
    )  # loss and gradient norm of the updates not yet fetched, (2,) each

    def add(self, measured: Tensor, seconds: float) -> None:
        """Add one update: its loss and the norm of its gradient, ``(2,)``, and the seconds it took."""
        self.unread.append(measured)
        self.step += 1
        self.seconds += seconds

    def read(self) -> None:
        """Fetch the losses from the device.

        Raises:
            FloatingPointError: naming the first step whose loss or gradient is not finite.
        """
        if not self.unread:
            return
        began = time.perf_counter()
        measured = torch.stack(self.unread).tolist()
        self.seconds += time.perf_counter() - began
        first = self.step - len(measured) + 1
        self.unread.clear()
        for step, (loss, norm) in enumerate(measured, first):
            if not math.isfinite(loss):
                raise FloatingPointError(f"The loss became {loss} in step {step}.")
            if not math.isfinite(norm):
                raise FloatingPointError(f"The gradient norm became {norm} in step {step}.")
            self.losses.append(loss)
            self.latest = loss

    def mean_loss(self) -> float:
        """Mean loss over the updates since the last row; NaN if there were none."""
        return statistics.fmean(self.losses) if self.losses else math.nan

    def has_row(self) -> bool:
        """Whether the history has a row for this step."""
        return bool(self.rows) and self.rows[-1]["step"] == self.step

    def add_row(self, training_loss: float, results: dict[str, Any]) -> None:
        """Add a row to the history: step, seconds, mean training loss since the previous row, and ``results``."""
        row = {"step": self.step, "seconds": self.seconds, "training_loss": training_loss}
        self.rows.append(row | results)
        self.losses.clear()

    def rows_since_best(self, name: str) -> int:
        """Number of rows after the one with the lowest value of a measurement.

        Raises:
            ValueError: if it is not measured.
        """
        if self.rows and name not in self.rows[-1]:
            raise ValueError(f"patience watches {name!r}, but evaluate returns no such value.")
        found = [
            row.get(name, math.nan) for row in self.rows
        ]  # before a resumption, something else may have been measured
        values = [math.inf if math.isnan(value) else value for value in found]
        return len(values) - 1 - values.index(min(values)) if values else 0
