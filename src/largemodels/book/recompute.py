"""A few rows of a study computed again, to see whether changed code still gives the same numbers.

``python -m tools.verify`` runs a study's script with a plan that :data:`PLAN` names. The script asks for its rows as it
always does. It gets the stored ones, so that what it chooses by them stays the same; those that the plan names are
computed besides and written into a report, which the tool compares with the stored rows.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files import aside

PLAN = "LARGEMODELS_RECOMPUTE"  # environment variable: file with the plan; unset when a study is run


class OtherRows(RuntimeError):
    """The script no longer asks for the rows that are stored."""


class Recomputation:
    """What a study does while it is verified.

    Args:
        plan: ``rows``, all that are stored, in their order; ``chosen``, the numbers of those to compute, from 0; and
            ``report``, the file to write.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.rows: list[dict[str, Any]] = plan["rows"]
        self.chosen, self._report = set(plan["chosen"]), Path(plan["report"])
        self.asked = 0  # rows so far
        self.found: list[dict[str, Any]] = []
        self.kept: dict[str, str] = {}  # SHA-256 of weights, by name, that the computed rows would keep

    def row(self, compute: Callable[..., dict[str, Any]], key: dict[str, Any]) -> dict[str, Any]:
        """The next stored row.

        Raises:
            OtherRows: if it is of another key.
        """
        number, self.asked = self.asked, self.asked + 1
        wanted = as_stored(key)
        stored = self.rows[number] if number < len(self.rows) else {}
        if any(name not in stored or stored[name] != value for name, value in wanted.items()):
            raise OtherRows(f"row {number} is now asked for with {wanted}, which is not how it is stored")
        if number in self.chosen:
            began = time.process_time()
            row = as_stored(key | compute(**key))
            self.found.append({"number": number, "row": row, "seconds": time.process_time() - began})
        return dict(stored)

    def save(self, **used: Any) -> None:
        """Write the report: the rows computed, what they would keep and what they used.

        Raises:
            OtherRows: if the script asked for fewer rows than are stored.
        """
        if self.asked < len(self.rows):
            raise OtherRows(f"{self.asked} rows are asked for now, {len(self.rows)} are stored")
        with aside(self._report) as place:
            place.write_text(json.dumps({"rows": self.found, "kept": self.kept} | used), encoding="utf-8")


def asked() -> Recomputation | None:
    """What :data:`PLAN` asks for; None where a study is simply run."""
    path = os.environ.get(PLAN)
    return Recomputation(json.loads(Path(path).read_text(encoding="utf-8"))) if path else None


def as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it comes back from its file: tuples are lists there, and keys are texts."""
    plain: dict[str, Any] = json.loads(json.dumps(row))
    return plain
