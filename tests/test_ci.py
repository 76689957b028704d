"""On CI nothing is skipped: a check that cannot run fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TESTS = """
import pytest

def test_without_its_tool():
    pytest.skip("no browser on the PATH")

@pytest.mark.skipif(True, reason="no browser on the PATH")
def test_marked():
    pass

@pytest.mark.xfail(reason="known fault of the theme")
def test_known():
    assert False
"""


@pytest.mark.parametrize(
    ("ci", "summary"), [("true", "1 failed, 1 xfailed, 1 error"), ("false", "2 skipped, 1 xfailed")]
)
def test_a_skip_is_a_failure_on_ci(tmp_path: Path, ci: str, summary: str) -> None:
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert summary in done.stdout
    if ci == "true":
        assert "skipped under CI=true: Skipped: no browser on the PATH" in done.stdout
