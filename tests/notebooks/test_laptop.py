"""Chapters whose record is not current, at laptop scale, against their records.

The others were run when their record was made; the weekly workflow runs them again in turn.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import rotation

STALE = rotation.stale()
COST = {chapter: pytest.mark.seconds(rotation.seconds_of(chapter)) for chapter in STALE}

if STALE:  # an empty list would count as a skipped test, which fails on CI

    @pytest.mark.parametrize("chapter", [pytest.param(chapter, marks=COST[chapter]) for chapter in STALE])
    def test_a_run_at_laptop_scale_claims_what_the_record_says(chapter: str, tmp_path: Path) -> None:
        """A claim outside its bounds ends the run; here names and bounds must be those that the page shows."""
        assert rotation.differences(chapter, tmp_path) == []
