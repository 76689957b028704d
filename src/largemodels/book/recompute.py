"""Recomputing a few rows of a study, to verify that changed code still gives the same numbers.

``python -m tools.verify`` runs a study's script with a plan, in the file named by :data:`PLAN`. The script requests its
rows as usual and gets the stored ones, so that decisions based on them stay the same. The rows chosen in the plan are
also recomputed and written to a report, which the tool compares with the stored rows.
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
    """The script no longer requests the rows that are stored."""


class Recomputation:
    """Takes the place of a study's rows while the study is verified.

    Args:
        plan: ``rows``, all stored rows in order; ``chosen``, the indices of those to recompute, from 0; and ``report``,
            the file to write.
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
            OtherRows: if it has a different key.
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
    """A row as it is read back from its file: tuples become lists, and keys strings."""
    plain: dict[str, Any] = json.loads(json.dumps(row))
    return plain
