"""Formatting, lint and types, as tests, so that one command checks everything.

Notebooks are left to tests/notebooks, which counts their cells as all other messages do; ruff counts them from 1.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "command",
    ["ruff format --check --extend-exclude *.ipynb .", "ruff check --extend-exclude *.ipynb .", "mypy"],
    ids=["format", "lint", "types"],
)
def test_clean(command: str) -> None:
    advice = "Run: make .venv/all, make format"  # types are checked against the packages of all parts
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{advice}"
