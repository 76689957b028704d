"""The rows of a run, printed as a table and stored as JSON."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import torch
import transformers

import largemodels
from largemodels.files import aside


@dataclass
class Row:
    """One measurement or check."""

    part: str
    what: str
    value: float | str
    unit: str = ""
    passed: bool | None = None  # None: a measurement, which cannot fail


@dataclass
class Report:
    """The rows so far; each new one is printed and stored immediately, so that an interruption loses none.

    Args:
        device: that everything runs on.
        dry: whether to use tiny sizes, only to see that the code runs.
        budget: seconds for the whole run.
        path: of the JSON file; None: nothing is stored.
    """

    device: torch.device
    dry: bool
    budget: float
    path: Path | None
    rows: list[Row] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def add(
        self, part: str, what: str, value: float | str, unit: str = "", passed: bool | None = None
    ) -> None:
        """Add a row."""
        row = Row(part, what, value, unit, None if passed is None else bool(passed))
        self.rows.append(row)
        shown = value if isinstance(value, str) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        verdict = {None: "", True: "passed", False: "FAILED"}[row.passed]
        print(f"{part:10} {what:56} {shown:>14} {unit:10} {verdict}".rstrip(), flush=True)
        self.save()

    @property
    def left(self) -> float:
        """Seconds until the budget is used up."""
        return self.budget - (time.perf_counter() - self.began)

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return any(row.passed is False for row in self.rows)

    def save(self) -> None:
        """Store all rows, with the device and versions for which they hold."""
        if self.path is None:
            return
        stored = {
            "device": name(self.device),
            "executed": date.today().isoformat(),
            "dry_run": self.dry,
            "seconds": round(time.perf_counter() - self.began, 1),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "cuda": str(torch.version.cuda),
                "transformers": transformers.__version__,
                "numpy": np.__version__,
                "largemodels": largemodels.__version__,
            },
            "rows": [asdict(row) for row in self.rows],
        }
        with aside(self.path) as file:
            file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def name(device: torch.device) -> str:
    """What a device is called: "NVIDIA H100 80GB HBM3"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} (no GPU)"


def wait(device: torch.device) -> None:
    """Wait until the device has finished all work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
