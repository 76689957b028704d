"""Results measured on a GPU by ``python -m tests.gpu``, stored in ``data/gpu.json`` once it has been run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ..paths import data_root

NOT_RUN = "not run"


def run_on(path: Path | None = None) -> str:
    """The GPU that the results were measured on, such as "NVIDIA H100 80GB HBM3", or "not run".

    Args:
        path: of the rows; None: those that come with the book.
    """
    stored = _load(path)
    return NOT_RUN if stored is None else str(stored["device"])


def measurements(path: Path | None = None) -> pd.DataFrame:
    """The rows: ``part``, ``what``, ``value``, ``unit`` and ``passed``, which is None for rows that are not checks.

    Args:
        path: of the rows; None: those that come with the book.

    Returns:
        an empty table if it has not been run.
    """
    stored = _load(path)
    return pd.DataFrame(
        [] if stored is None else stored["rows"], columns=["part", "what", "value", "unit", "passed"]
    )


def _load(path: Path | None) -> dict[str, Any] | None:
    """What was stored; a dry run does not count."""
    path = data_root() / "gpu.json" if path is None else path
    if not path.exists():
        return None
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return None if stored["dry_run"] else stored
