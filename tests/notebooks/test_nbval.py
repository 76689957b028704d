"""What nbval catches with the options of `make test`, on small notebooks: a check must be able to fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.examples import code, printed
from tools import notebooks

OPTIONS = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider"]


@pytest.mark.parametrize(
    ("source", "stored", "tags", "outcome"),
    [
        ("print(1 + 1)", "2\n", ["nbval-check-output"], "1 passed"),
        ("print(1 + 1)", "3\n", ["nbval-check-output"], "1 failed"),
        ("print(1 + 1)", "3\n", [], "1 passed"),
        ("1 / 0", "", [], "1 failed"),
        ("1 / 0", "", ["raises-exception"], "1 passed"),
    ],
    ids=["same", "another output", "output not compared", "error", "error expected"],
)
def test_outputs_and_errors(tmp_path: Path, source: str, stored: str, tags: list[str], outcome: str) -> None:
    outputs = [printed(stored)] if stored else []
    notebook = notebooks.nbformat.v4.new_notebook(cells=[code(source, *outputs, tags=tags)])
    notebook.cells[0].execution_count = 1  # nbval compares nothing with a cell that was never run
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebooks.write(tmp_path / "small.ipynb", notebook)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rootdir",
        str(tmp_path),
        *OPTIONS,
        str(tmp_path / "small.ipynb"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert outcome in done.stdout, done.stdout
