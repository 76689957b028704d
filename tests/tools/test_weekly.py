"""The weekly run opens an issue for what breaks, and no second one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import execute, rotation, weekly

GH = """#!/bin/sh
if [ "$2" = list ]; then echo "02_concepts/known breaks with the newest packages"; else echo "$4" >> "$GH_LOG"; fi
"""


@pytest.fixture
def issues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `gh` that knows one open issue and logs the titles of new ones."""
    program = tmp_path / "gh"
    program.write_text(GH, encoding="utf-8")
    program.chmod(0o755)
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("GH_LOG", str(log))
    return log


def test_a_broken_chapter_gets_one_issue(issues: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "02_concepts/known: cell 3: TypeError: no",
        "05_project/new: cell 4: ClaimError: loss = 9 is outside",
    ]
    monkeypatch.setattr(execute, "execute", lambda chapters: lines)
    monkeypatch.setattr(weekly, "broken_library", dict)
    assert weekly.main(["newest"]) == 1
    assert issues.read_text(encoding="utf-8").splitlines() == [
        "05_project/new breaks with the newest packages"
    ]


def test_nothing_is_opened_when_all_is_well(issues: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "execute", lambda chapters: [])
    monkeypatch.setattr(weekly, "broken_library", dict)
    assert weekly.main(["newest"]) == 0
    assert issues.read_text(encoding="utf-8") == ""


def test_failing_tests_of_the_library_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = tmp_path / "test_planted.py"
    test.write_text("def test_planted():\n    assert 1 + 1 == 3\n", encoding="utf-8")
    monkeypatch.setattr(weekly, "TESTS", (str(test),))
    (title, text), *_ = weekly.broken_library().items()
    assert "library" in title
    assert "test_planted" in text
    assert "torch" in weekly.body(text)


def test_the_week_s_chapters_that_differ_get_an_issue(issues: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differences(chapter: str, folder: Path) -> list[str]:
        if chapter == "a/fails":
            raise execute.ExecutionError("a/fails: cell 3: ClaimError: loss = 9 is outside")
        return ["a/differs: only the record has the claim"] if chapter == "a/differs" else []

    monkeypatch.setattr(rotation, "due", lambda week: ["a/fails", "a/fine", "a/differs"])
    monkeypatch.setattr(rotation, "differences", differences)
    assert weekly.main(["pinned"]) == 1
    assert issues.read_text(encoding="utf-8").splitlines() == [
        "a/fails no longer agrees with its record",
        "a/differs no longer agrees with its record",
    ]


def test_each_week_has_its_chapters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(rotation, "due", lambda week: asked.append(week) or [])
    for week in (1, 2):
        assert weekly.changed_chapters(week) == {}
    assert weekly.main(["pinned"]) == 0
    assert asked == [1, 2, asked[2]]
    assert asked[2] > 100_000
