"""Chapters at laptop scale: those whose record is not current, and a few in rotation, against their records."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tools import records, rotation
from tools.execute import run

DUE = rotation.due(date.today().toordinal())


def test_some_chapter_is_due() -> None:
    assert DUE


@pytest.mark.parametrize("chapter", DUE)
def test_a_run_at_laptop_scale_claims_what_the_record_says(chapter: str, tmp_path: Path) -> None:
    """A claim outside its bounds ends the run; here names and bounds must be those that the page shows."""
    record = records.load(chapter)
    assert record, f"{chapter} has no record: make chapter CH={chapter}"
    again = run(chapter, folder=tmp_path).record

    def bounds(one: dict) -> dict[str, tuple[float, float]]:
        return {claim["name"]: (claim["low"], claim["high"]) for claim in one["claims"]}

    assert bounds(again) == bounds(record)
    assert again["data"] == record["data"]
