"""The GPU tests as a dry run on the CPU: every part runs, and a run that cannot start says why in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from largemodels.book import gpu
from tests.gpu import __main__ as command


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpu") / "gpu.json"
    assert command.main(["--device", "cpu", "--dry-run", "--out", str(path)]) == 0
    return path


def test_every_part_leaves_rows(stored: Path) -> None:
    content = json.loads(stored.read_text())
    assert content["device"] == "cpu (no GPU)" and content["dry_run"]
    assert {"torch", "transformers", "cuda"} <= set(content["versions"])
    rows = content["rows"]
    assert {row["part"] for row in rows} == {"parity", "resume", "processes", "decoding", "training", "all"}
    checks = [row["what"] for row in rows if row["passed"] is not None]
    assert all(row["passed"] is not False for row in rows)
    for what in (
        "GPT2: logits in fp32",
        "Llama: logits in bf16",
        "attention, causal and padded",
        "adamw, bf16",
    ):
        assert any(what in check for check in checks)
    speeds = {row["what"]: row["value"] for row in rows if row["unit"] == "tokens/s"}
    assert len(speeds) == 5 and all(speed > 0 for speed in speeds.values())


def test_the_book_says_not_run_until_it_was(stored: Path, tmp_path: Path) -> None:
    assert gpu.run_on(tmp_path / "missing.json") == gpu.run_on(stored) == "not run"
    assert gpu.measurements(stored).empty
    content = json.loads(stored.read_text()) | {"dry_run": False, "device": "NVIDIA X"}
    (tmp_path / "gpu.json").write_text(json.dumps(content))
    assert gpu.run_on(tmp_path / "gpu.json") == "NVIDIA X"
    assert gpu.measurements(tmp_path / "gpu.json").part.iloc[0] == "parity"


def test_a_failed_part_is_a_row_and_the_others_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.gpu import parity, processes, speed

    def broken(report: object) -> None:
        raise RuntimeError("no kernel")

    for module, name in (
        (parity, "parity"),
        (processes, "resume"),
        (processes, "refuse"),
        (speed, "decoding"),
    ):
        monkeypatch.setattr(module, name, broken)
    monkeypatch.setattr(speed, "training", lambda report: report.add("training", "reached", 1.0))
    path = tmp_path / "gpu.json"
    assert command.main(["--device", "cpu", "--dry-run", "--out", str(path)]) == 1
    rows = json.loads(path.read_text())["rows"]
    assert rows[0]["what"] == "RuntimeError: no kernel" and rows[0]["passed"] is False
    assert [row["what"] for row in rows[-2:]] == ["reached", "the whole run"]


def test_what_cannot_start_says_why_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        assert command.main(list(arguments)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "There is no GPU" in said()
    assert "add --dry-run" in said("--device", "cpu")
    monkeypatch.setattr(command, "NEEDED", ["numpy", "nowhere_to_be_found", "neither_is_this"])
    assert said("--dry-run") == (
        "Missing packages: nowhere_to_be_found, neither_is_this. Run: pip install nowhere_to_be_found neither_is_this"
    )
