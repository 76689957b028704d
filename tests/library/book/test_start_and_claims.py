from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import largemodels as lm
from largemodels.book import claims, journal

SCALES = {"smoke": {"steps": 2, "rate": 0.5}, "laptop": {"steps": 1_000, "rate": 0.5}}


@pytest.fixture(autouse=True)
def no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(journal.FILE, raising=False)
    monkeypatch.setattr(claims, "_scale", None)


def test_start_chooses_the_scale_and_shows_them_all() -> None:
    setting = lm.start("laptop", 3, **SCALES)
    assert setting.steps == 1_000
    assert "| `steps` | 2 | 1,000 |" in setting._repr_markdown_()
    first = torch.rand(3)
    lm.start("laptop", 3, **SCALES)
    assert torch.equal(torch.rand(3), first)
    with pytest.raises(AttributeError, match="no setting 'stpes'"):
        setting.stpes  # noqa: B018


def test_an_unknown_scale_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="SCALE is 'huge'; this chapter has smoke, laptop"):
        lm.start("huge", 0, **SCALES)


def test_scales_must_have_the_same_settings() -> None:
    with pytest.raises(ValueError, match="differ in the names rate"):
        lm.start("smoke", 0, smoke={"steps": 2}, laptop=SCALES["laptop"])


def test_a_claim_that_holds_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lm.start("laptop", 0, **SCALES)
    lm.claim("test loss", 1.61234, 1.5, 1.7, unit="nats")
    assert capsys.readouterr().out == "claim · test loss = 1.612 nats · within [1.5, 1.7]\n"


@pytest.mark.parametrize("value", [1.49, 1.71, math.nan, math.inf])
def test_a_claim_that_does_not_hold_fails(value: float) -> None:
    lm.start("laptop", 0, **SCALES)
    with pytest.raises(lm.ClaimError, match="outside"):
        lm.claim("test loss", value, 1.5, 1.7)


def test_the_spread_over_seeds_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(journal.FILE, str(tmp_path / "journal"))
    lm.start("laptop", 0, **SCALES)
    lm.claim("a", 1.0, 0.0, 2.0, over_seeds=torch.tensor([1.5, 0.25, 1.0]))
    with pytest.raises(lm.ClaimError, match=r"b = 2.5 at another seed is outside \[0, 2\]"):
        lm.claim("b", 1.0, 0.0, 2.0, over_seeds=[1.0, 2.5])
    *_, last = (tmp_path / "journal").read_text(encoding="utf-8").splitlines()
    assert json.loads(last)["claim"]["spread"] == {"low": 0.25, "high": 1.5, "seeds": 3}


def test_smoke_checks_no_claim(capsys: pytest.CaptureFixture[str]) -> None:
    lm.start("smoke", 0, **SCALES)
    lm.claim("test loss", 9.0, 1.5, 1.7)
    assert "not checked at smoke" in capsys.readouterr().out


def test_a_claim_needs_a_scale() -> None:
    with pytest.raises(RuntimeError, match="Call start before claim"):
        lm.claim("x", 1, 0, 2)


def test_the_journal_holds_scale_data_claims_and_library(tmp_path: Path) -> None:
    """In a process of its own, since the list of library files is written at its end."""
    program = """
import largemodels as lm
lm.start("laptop", 7, smoke={}, laptop={})
from sklearn.datasets import load_iris
load_iris()
lm.shakespeare()
lm.claim("a", 1.0, 0.0, 2.0, unit="s")
"""
    path = tmp_path / "journal"
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {journal.FILE: str(path)})
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert entries[0] == {"scale": "laptop", "seed": 7}
    assert entries[1] == {"claim": {"name": "a", "value": 1.0, "low": 0.0, "high": 2.0, "unit": "s"}}
    assert {"book/start.py", "data/text.py"} <= entries[2]["library"].keys()
    assert "models/gpt.py" not in entries[2]["library"]
    assert {"python", "torch", "matplotlib"} <= entries[2]["versions"].keys()
    assert entries[2]["processor"]
    assert entries[3]["data"].startswith("iris of scikit-learn")  # read by scikit-learn's own function
    assert entries[4] == {"data": "shakespeare 0.6"}


def test_a_claim_can_say_that_the_clock_has_a_part_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(journal.FILE, str(tmp_path / "journal"))
    monkeypatch.setattr(claims, "_scale", "laptop")
    lm.claim("a", 1.0, 0.0, 2.0, unit="s", timed=True)
    assert '"timed": true' in (tmp_path / "journal").read_text(encoding="utf-8")
    assert capsys.readouterr().out == "claim · a = 1 s · within [0, 2]\n"


def test_a_failed_claim_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(journal.FILE, str(tmp_path / "journal"))
    lm.start("laptop", 0, **SCALES)
    with pytest.raises(lm.ClaimError):
        lm.claim("a", 3.0, 0.0, 2.0)
    assert "claim" not in (tmp_path / "journal").read_text(encoding="utf-8")


def explored(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str = "1") -> str:
    monkeypatch.setenv(claims.EXPLORE, value)
    lm.start("laptop", 0, **SCALES)
    lm.claim("a", 3.0, 0.0, 2.0, unit="s")
    lm.claim("b", 1.0, 0.0, 2.0, over_seeds=[1.0, 2.5])
    lm.claim("c", 1.0, 0.0, 2.0)
    return capsys.readouterr().out


def test_exploring_reports_a_claim_outside_its_bounds_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explored(monkeypatch, capsys).splitlines() == [
        "claim · a = 3 s · outside [0, 2]: this text does not describe your run",
        "claim · b = 2.5 at another seed · outside [0, 2]: this text does not describe your run",
        "claim · c = 1 · within [0, 2]",
    ]


@pytest.mark.parametrize("value", ["", "0"])
def test_exploring_can_be_switched_off(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(lm.ClaimError):
        explored(monkeypatch, capsys, value)


def test_a_claim_that_fails_says_how_to_go_on_and_prints_no_bounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lm.start("laptop", 0, **SCALES)
    with pytest.raises(lm.ClaimError) as error:
        lm.claim("a", 3.0, 0.0, 2.0)
    assert capsys.readouterr().out == ""
    advised = re.search(r"%env (\w+)=(\w+)`", str(error.value))
    assert advised
    monkeypatch.setenv(*advised.groups())
    lm.claim("a", 3.0, 0.0, 2.0)
    assert claims.OUTSIDE in capsys.readouterr().out


def test_a_recorded_run_never_explores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(journal.FILE, str(tmp_path / "journal"))
    monkeypatch.setenv(claims.EXPLORE, "1")
    lm.start("laptop", 0, **SCALES)
    with pytest.raises(lm.ClaimError, match=r"the text is no longer true\.$"):
        lm.claim("a", 3.0, 0.0, 2.0)
