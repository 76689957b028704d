from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from largemodels.data import comparisons
from largemodels.data.checks import DataError
from largemodels.data.comparisons import sound_quality
from largemodels.data.r_files import Vector
from tests.library.data.installed import installed


def test_every_session_compares_each_pair_once() -> None:
    installed("sound-quality")
    table = sound_quality()
    assert len(table) == 783 * 28 and table.person.nunique() == 40
    both = table[["chosen", "rejected"]].apply(frozenset, axis=1)
    assert both.map(len).min() == 2 and set(both.value_counts()) == {783}
    sessions = [both[start : start + 28] for start in range(0, len(both), 28)]
    assert min(some.nunique() for some in sessions) == 28
    assert set(table.music) == {"Beethoven", "Rachmaninov", "SteelyDan", "Sting"}


def stored(preferences: list[int], dim: tuple[int, int]) -> dict[str, Vector]:
    """Two sessions with three things, as the file holds them: column by column."""
    labels = Vector(["A", "B", "C"])
    heard = Vector(np.array(preferences), {"dim": Vector(np.array(dim)), "labels": labels})
    columns = {
        "id": Vector(np.array([1, 2]), {"levels": Vector(["04", "05"])}),
        "time": Vector(np.array([1, 1]), {"levels": Vector(["before", "after"])}),
        "progmat": Vector(np.array([1, 1]), {"levels": Vector(["Sting"])}),
        "repet": Vector(np.array([1, 2])),
        "preference": heard,
    }
    return {"SoundQuality": Vector(list(columns.values()), {"names": Vector(list(columns))})}


def test_the_order_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "files", lambda name, unchecked: {"SoundQuality.rda": Path("some")})
    # Pairs 1:2, 1:3, 2:3; the first person prefers 1 to 2, 3 to 1 and 3 to 2, the second the opposite.
    found = stored([1, -1, -1, 1, -1, 1], (2, 3))
    monkeypatch.setattr(comparisons, "read_rda", lambda path: found)
    table = sound_quality()
    assert list(zip(table.person, table.chosen, table.rejected, strict=True)) == [
        ("04", "A", "B"), ("04", "C", "A"), ("04", "C", "B"),
        ("05", "B", "A"), ("05", "A", "C"), ("05", "B", "C"),
    ]  # fmt: skip


@pytest.mark.parametrize(("preferences", "dim"), [([1, -1, 0, 1, -1, 1], (2, 3)), ([1, -1, 1, -1], (2, 2))])
def test_other_answers_and_missing_pairs_are_refused(
    monkeypatch: pytest.MonkeyPatch, preferences: list[int], dim: tuple[int, int]
) -> None:
    monkeypatch.setattr(comparisons, "files", lambda name, unchecked: {"SoundQuality.rda": Path("some")})
    monkeypatch.setattr(comparisons, "read_rda", lambda path: stored(preferences, dim))
    with pytest.raises(DataError, match="each pair"):
        sound_quality()
