"""Verification: equal rows renew a study's hashes, others are named and stay; seconds and processors are told apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from largemodels.book import kept, studies
from tools import recompute, verify
from tools.recompute import Difference

NAME, PROCESSOR = "90_part/thing", "this, AVX2"
SCRIPT = """
import os
import time

import numpy
from largemodels.book import studies
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
studies.script = lambda name: ROOT / "notebooks" / f"{name}_study.py"
studies.data_root = lambda: ROOT / "data"
studies.provenance.processor = lambda: "this, AVX2"  # without importing torch
SLOPE = 1.0


def loss(rate, seed):
    with (ROOT / "computed").open("a") as file:
        file.write(f"{rate} {seed}\\n")
    older = 1e-9 if os.environ.get("ATEN_CPU_CAPABILITY") == "default" else 0.0
    return {"loss": SLOPE * rate + seed / 10 + older, "core_seconds": time.perf_counter(), "text": f"{rate:.1f}"}


if __name__ == "__main__":
    study = studies.Study("90_part/thing")
    trials = [study.row(loss, rate=rate, seed=0) for rate in (3.0, 2.0, 1.0, 4.0)]
    best = min(trials, key=lambda row: row["loss"])["rate"]
    for seed in range(1, 5):
        study.row(loss, rate=best, seed=seed)
    study.save()
"""


@pytest.fixture(scope="module")
def has_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small study has been run once."""
    folder = tmp_path_factory.mktemp("studies")
    script = folder / "notebooks" / f"{NAME}_study.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT, encoding="utf-8")
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True)
    return folder


@pytest.fixture
def study(has_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; the path of its script."""
    shutil.copytree(has_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(studies, "script", lambda name: tmp_path / "notebooks" / f"{name}_study.py")
    monkeypatch.setattr(studies, "data_root", lambda: tmp_path / "data")
    return studies.script(NAME)


def computed(script: Path) -> int:
    """How many rows have been computed, and forget them."""
    file = script.parents[2] / "computed"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return len(lines)


def change(script: Path, old: str, new: str) -> None:
    text = script.read_text(encoding="utf-8")
    assert old in text
    script.write_text(text.replace(old, new), encoding="utf-8")


def stored_with(**fields: Any) -> dict[str, Any]:
    """Change the study's file; what it holds then."""
    stored = studies.read(NAME) | fields
    studies.store(NAME, stored)
    return stored


def test_equal_rows_renew_the_hashes_and_are_named(study: Path) -> None:
    assert computed(study) == 8
    change(study, "SLOPE = 1.0", "SLOPE = 0.5 + 0.5")
    with pytest.raises(studies.StudyError, match="make verify NAME=90_part/thing"):
        studies.load(NAME)
    before = studies.read(NAME)
    done = recompute.verify(NAME, "a", ["thing_study.py changed"])
    assert computed(study) == 4 == len(done.rows)
    after = studies.read(NAME)
    assert len(studies.load(NAME)) == 8
    assert after["rows"] == before["rows"]
    (entry,) = after["verified"]
    assert entry["rows"] == done.rows
    assert entry["how"] == done.how == "equal to the last digit"
    assert entry["changed"] == ["thing_study.py changed"]
    assert entry["processor"] == after["processor"] == PROCESSOR
    assert after["hashes"]["script"] != before["hashes"]["script"]
    assert studies.fingerprint(after) == studies.fingerprint(before)
    assert {"numpy", "python"} <= after["versions"].keys()
    assert "tqdm" not in after["versions"]


def test_a_changed_number_is_named_and_nothing_renewed(study: Path) -> None:
    before = studies.path(NAME).read_text(encoding="utf-8")
    change(study, "SLOPE = 1.0", "SLOPE = 1.0 + 1e-15")
    with pytest.raises(Difference, match=r"^row \d: loss is [\d.]+, but [\d.]+ is stored$"):
        recompute.verify(NAME, "a", [])
    assert studies.path(NAME).read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "(3.0, 2.0, 1.0, 4.0)",
            "(3.0, 2.5, 1.0, 4.0)",
            "row 1 is now asked for with {'rate': 2.5, 'seed': 0}",
        ),
        ("range(1, 5)", "range(1, 4)", "7 rows are asked for now, 8 are stored"),
        ("range(1, 5)", "range(1, 6)", "row 8 is now asked for with"),
        ("{rate:.1f}", "{rate:.2f}", "text is '"),
        ("seed / 10", "seed / 0", "ZeroDivisionError"),
        ("    study.save()", "    pass", "does not save"),
    ],
)
def test_other_rows_and_failures_are_differences(study: Path, old: str, new: str, message: str) -> None:
    change(study, old, new)
    with pytest.raises(Difference) as error:
        recompute.verify(NAME, "a", [])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_another_processor_has_the_tolerance_that_was_measured(study: Path) -> None:
    tolerance = recompute.measure_tolerance(NAME, "a")
    assert tolerance["columns"] == {"loss": pytest.approx(1e-8, rel=1e-3)}
    change(study, "SLOPE = 1.0", "SLOPE = 1.0 + 1e-10")
    with pytest.raises(Difference, match="loss"):  # on the processor where they were recorded
        recompute.verify(NAME, "a", [])
    stored_with(processor="another, AVX2")
    assert recompute.verify(NAME, "a", []).how == "within the tolerance"
    after = studies.read(NAME)
    assert after["processor"] == "another, AVX2"
    assert after["verified"][-1]["processor"] == PROCESSOR
    change(study, "1e-10", "1e-7")
    with pytest.raises(Difference, match="loss"):
        recompute.verify(NAME, "a", [])


def test_rows_without_a_processor_get_one_when_they_are_equal(study: Path) -> None:
    stored = studies.read(NAME)
    for name in ("processor", "timed", "seconds", "data"):
        del stored[name]
    stored["versions"] = {"python": "3.11", "transformers": "5.0"}
    stored["hashes"]["library"] = {"gone.py": "0", "book/plots.py": "0"}
    studies.store(NAME, stored)
    recompute.verify(NAME, "a", [])
    after = studies.read(NAME)
    assert after["processor"] == PROCESSOR
    assert (
        "transformers" not in after["versions"]
    )  # an old file lists what was installed, not what was imported
    assert not {"gone.py", "book/plots.py"} & after["hashes"]["library"].keys()


def test_without_a_tolerance_another_processor_must_agree(study: Path) -> None:
    stored_with(processor="another, AVX2")
    change(study, "SLOPE = 1.0", "SLOPE = 1.0 + 1e-10")
    with pytest.raises(Difference, match="loss"):
        recompute.verify(NAME, "a", [])


def test_the_cheapest_rows_and_two_others_are_chosen() -> None:
    stored = {"study": NAME, "rows": [{"core_seconds": cost} for cost in (9, 1, 8, 2, 7, 6, 5, 4)]}
    drawn = {tuple(recompute.choose(stored, str(seed))) for seed in range(60)}
    assert all({1, 3} <= set(rows) and len(rows) == 4 for rows in drawn)
    assert {row for rows in drawn for row in rows} == set(range(8))  # in time, each has its turn
    assert recompute.choose(stored, "a") == recompute.choose(stored, "a")
    unknown = {"study": NAME, "rows": [{"loss": 1}] * 8}
    measured = unknown | {"seconds": [0.1, None, 0.2, *[None] * 4, 9.0]}
    assert all({0, 2} <= set(recompute.choose(measured, str(seed))) for seed in range(9))
    assert len(recompute.choose(unknown, "a")) == 4
    assert recompute.choose({"study": NAME, "rows": [{}] * 3}, "a") == [0, 1, 2]


def test_numbers_that_are_not_numbers_are_equal_to_themselves() -> None:
    nan = float("nan")
    assert recompute.differences({"a": nan, "b": True}, {"a": nan, "b": True}, []) == []
    assert recompute.differences({"a": nan}, {"a": 1.0}, [], {"a": 9.0}) == ["a is 1.0, but nan is stored"]
    assert recompute.differences({"a": True}, {"a": False}, [], {"a": 9.0}) == [
        "a is False, but True is stored"
    ]
    assert recompute.differences({"a": 1}, {"b": 1}, ["b"]) == ["a is None, but 1 is stored"]


asked: list[str] = []  # studies and chapters whose packages and data were asked for


@pytest.fixture
def alone(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line knows this study and no chapter."""
    monkeypatch.setattr(verify.studies, "names", lambda: [NAME])
    monkeypatch.setattr(verify.notebooks, "chapters", list)
    monkeypatch.setattr(verify, "unlike_pins", list)
    monkeypatch.setattr(verify, "provide", asked.extend)
    asked.clear()
    return study


def test_the_command_verifies_what_is_stale(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    computed(alone)
    assert verify.verify([], "a", rerun=False, dry_run=False) == 0
    assert computed(alone) == 0
    change(alone, "SLOPE = 1.0", "SLOPE = 0.5 + 0.5")
    assert verify.verify([], "a", rerun=False, dry_run=True) == 0
    assert computed(alone) == 0
    assert f"study {NAME}: rows " in capsys.readouterr().out
    assert verify.verify([], "a", rerun=False, dry_run=False) == 0
    assert computed(alone) == 4
    assert asked == [NAME]
    assert verify.verify([], "a", rerun=False, dry_run=False) == 0
    assert computed(alone) == 0
    with pytest.raises(SystemExit, match="There is no study or chapter nothing"):
        verify.verify(["nothing"], "a", rerun=False, dry_run=False)


def test_what_differs_is_rerun_only_when_asked(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(alone, "SLOPE = 1.0", "SLOPE = 2.0")
    computed(alone)
    assert verify.verify([], "a", rerun=False, dry_run=False) == 1
    assert computed(alone) == 4
    assert f"make study NAME={NAME}" in capsys.readouterr().err
    assert verify.verify([], "a", rerun=True, dry_run=False) == 0
    assert computed(alone) == 4 + 8
    stored = studies.read(NAME)
    assert stored["rows"][0]["loss"] == 6.0
    assert "verified" not in stored


def test_packages_and_data_are_those_of_the_chapter(monkeypatch: pytest.MonkeyPatch) -> None:
    provided: list[str] = []
    monkeypatch.setattr(verify.needs, "provide", provided.extend)
    verify.provide(["05_project/pretraining_longer", "05_project/pretraining", "05_project/app"])
    assert sorted(provided) == ["05_project/app", "05_project/pretraining"]

    def refuse(chapters: object) -> None:
        raise verify.DataError("The package cannot be fetched.")

    monkeypatch.setattr(verify.needs, "provide", refuse)
    with pytest.raises(SystemExit, match="cannot be fetched"):
        verify.provide(["05_project/app"])


def test_a_study_that_loads_rows_of_another_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def verified(name: str, seed: str) -> str:
        if name == "first" and "second" not in done:
            raise Difference("largemodels.book.studies.StudyError: changed since the study")
        if name == "third":
            raise Difference("row 3: loss is 2.0, but 1.0 is stored")
        done.append(name)
        return "equal"

    monkeypatch.setattr(verify, "verify_study", verified)
    assert verify.verify_studies(["first", "second", "third"], "a") == {
        "third": "row 3: loss is 2.0, but 1.0 is stored"
    }
    assert done == ["second", "first"]
    done.clear()
    assert [*verify.verify_studies(["first"], "a")] == ["first"]  # and it does not wait for ever


def claim(value: float, **fields: Any) -> dict[str, Any]:
    return {"name": "a", "value": value, "low": 0, "high": 9, "unit": ""} | fields


@pytest.mark.parametrize(
    ("old", "new", "elsewhere", "message"),
    [
        ([claim(1.0)], [claim(1.0)], False, ""),
        ([claim(1.0)], [claim(1.5)], False, "is 1.5, but 1.0 is recorded"),
        ([claim(1.0)], [claim(1.5)], True, ""),
        ([claim(1.0, timed=True)], [claim(1.5, timed=True)], False, ""),
        ([claim(1.0)], [claim(1.0, high=8)], True, "has different bounds"),
        ([claim(1.0)], [], False, "is in only one of the two runs"),
    ],
)
def test_claims_are_compared(old: list, new: list, elsewhere: bool, message: str) -> None:
    before = {"claims": old, "processor": "another" if elsewhere else "this"}
    found = verify.claims_that_differ(before, {"claims": new, "processor": "this"})
    assert [it.partition("” ")[2] for it in found] == ([message] if message else [])


def test_other_kept_weights_are_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = kept.write(tmp_path / "a", {"x": torch.ones(3)})
    monkeypatch.setattr(kept, "find", lambda study, name, checksum: tmp_path / "a")
    stored = {"study": NAME, "rows": [], "weights": {"first": about}}
    report = {"timed": [], "rows": [], "kept": {"first": about["sha256"]}, "processor": PROCESSOR}
    assert recompute.compare(stored, report) == "equal to the last digit"
    report["kept"] = {"first": kept.write(tmp_path / "b", {"x": torch.zeros(3)})["sha256"]}
    with pytest.raises(Difference, match="the weights 'first' differ"):
        recompute.compare(stored, report)


def test_a_verified_chapter_keeps_its_outputs_and_date(record: dict[str, Any]) -> None:
    hashes = {"code": "c", "outputs": ["other"], "studies": {}, "library": {"models/gpt.py": "new"}}
    new = record | {"executed": "2026-12-01", "hashes": hashes, "versions": {"torch": "3"}, "seconds": 99.0}
    after = verify.renewed(record, new, ["torch 2 became 3"])
    assert after["hashes"] == hashes | {"outputs": record["hashes"]["outputs"]}
    assert (after["executed"], after["seconds"], after["versions"]) == ("2026-11-23", 71.2, {"torch": "3"})
    entry = {"on": "2026-12-01", "processor": "a processor", "changed": ["torch 2 became 3"]}
    assert after["verified"] == [entry]
    assert json.dumps(after)


@pytest.fixture
def ran(record: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A chapter that is executed without being executed: ``new`` is the run's record, ``done`` what was written."""
    state: dict[str, Any] = {"new": record | {"executed": "2026-12-01"}, "done": []}
    monkeypatch.setattr(verify.records, "load", lambda chapter: record)
    monkeypatch.setattr(verify.records, "staleness", lambda chapter: ["torch 2 became 3"])
    monkeypatch.setattr(verify.records, "write", lambda chapter, new: state["done"].append(new))
    monkeypatch.setattr(verify.execute, "store", lambda chapter, run: state["done"].append(run.record))

    def run(chapter: str) -> verify.execute.Run:
        if state["new"] is None:
            raise verify.execute.ExecutionError(f"{chapter}: cell 3: ClaimError: a = 9 is outside")
        return verify.execute.Run(Path("out.ipynb"), state["new"])

    monkeypatch.setattr(verify.execute, "run", run)
    return state


def test_a_chapter_with_the_same_claims_is_renewed(ran: dict[str, Any]) -> None:
    assert verify.verify_chapter("05_project/small", rerun=False).startswith("1 claim equal")
    (written,) = ran["done"]
    assert written["executed"] == "2026-11-23"
    assert written["verified"][0]["on"] == "2026-12-01"


def test_a_chapter_with_other_claims_is_stored_only_when_asked(ran: dict[str, Any]) -> None:
    ran["new"] = ran["new"] | {"claims": [ran["new"]["claims"][0] | {"value": 1.613}]}
    with pytest.raises(Difference, match=r"“test loss” is 1\.613, but 1\.612 is recorded"):
        verify.verify_chapter("05_project/small", rerun=False)
    assert ran["done"] == []
    assert "executed again" in verify.verify_chapter("05_project/small", rerun=True)
    assert ran["done"] == [ran["new"]]


def test_a_chapter_that_fails_differs(ran: dict[str, Any]) -> None:
    ran["new"] = None
    with pytest.raises(Difference, match=r"^cell 3: ClaimError: a = 9 is outside$"):
        verify.verify_chapter("05_project/small", rerun=True)
    assert ran["done"] == []


def test_cheap_chapters_come_first_and_changed_ones_are_left_to_the_book(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costs = {"a": 90.0, "b": 20.0, "c": 50.0}
    monkeypatch.setattr(verify.records, "load", lambda it: {"seconds": costs[it]} if it in costs else None)
    changes = {"c": ["the notebook's code changed"]}
    monkeypatch.setattr(verify.records, "own_changes", lambda it, record: changes.get(it, []))
    assert verify.due_chapters(["a", "b", "c", "d"]) == (["b", "a"], ["c", "d"])
