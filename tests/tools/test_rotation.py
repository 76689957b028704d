"""Which chapters run again at laptop scale, and what of such a run is compared with the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode

from tests.tools.examples import CLAIM, add_chapter
from tools import execute, notebooks, records, rotation

NAME = "05_project/small"


def several(book: Path, chapter: NotebookNode, record: dict[str, Any], seconds: list[float]) -> list[str]:
    """Put more chapters into the book; names of all, in order."""
    for number, cost in enumerate(seconds):
        add_chapter(book, f"06_applications/{number}", chapter, record | {"seconds": cost})
    return notebooks.chapters(book)


def test_every_chapter_has_its_turn(book: Path, chapter: NotebookNode, record: dict[str, Any]) -> None:
    names = several(book, chapter, record, [100, 150, 400, 20, 30])
    weeks = [rotation.due(week, 300, book) for week in range(8)]
    assert {name for week in weeks for name in week} == set(names)
    cost = {name: records.load(name, book)["seconds"] for name in names}  # type: ignore[index]
    assert all(len(week) == 1 or sum(cost[name] for name in week) <= 300 for week in weeks)


def test_stale_chapters_are_in_no_week_but_in_every_test(
    book: Path, chapter: NotebookNode, record: dict[str, Any]
) -> None:
    names = several(book, chapter, record, [100, 150])
    records.path(names[1], book).unlink()
    assert rotation.stale(book) == [names[1]]
    assert {name for week in range(4) for name in rotation.due(week, 80, book)} == {names[0], names[2]}


def test_a_book_without_chapters_has_nothing_due(tmp_path: Path) -> None:
    assert rotation.due(3, root=tmp_path) == []


def test_a_damaged_record_is_stale_and_costs_what_is_usual(book: Path) -> None:
    records.path(NAME, book).write_text("{", encoding="utf-8")
    assert rotation.stale(book) == [NAME]
    assert rotation.seconds_of(NAME, book) == 90


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"seconds": 1.0}, []),
        (
            {"data": ["wikipedia 1"]},
            ["only the record has the data shakespeare 0.6", "only the run has the data wikipedia 1"],
        ),
        ({"claims": []}, ["only the record has the claim “test loss” in [1.55, 1.68]"]),
        ({"claims": [CLAIM | {"value": 1.6}]}, []),
        (
            {"claims": [CLAIM | {"high": 2}]},
            ["only the record has the claim", "only the run has the claim “test loss” in [1.55, 2]"],
        ),
    ],
    ids=["nothing", "time", "data", "no claim", "value within bounds", "bounds"],
)
def test_differences_between_a_run_and_its_record(
    book: Path,
    record: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    said: list[str],
) -> None:
    monkeypatch.setattr(execute, "run", lambda *_, **__: execute.Run(book, record | change))
    found = rotation.differences(NAME, book / "out", book)
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert line.startswith(f"{NAME}: {part}")
