"""What nbval catches with the options of `make test`, on small notebooks: a check must be able to fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.tools.examples import code, markdown, printed
from tools import check, notebooks

OPTIONS = [*check.NBVAL, "-p", "tools.cell_numbers", "-p", "no:cacheprovider"]


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
    shown = run(tmp_path, code(source, *outputs, tags=tags))
    assert outcome in shown, shown


def run(folder: Path, *cells: NotebookNode) -> str:
    """What pytest says of a notebook of these cells."""
    notebook = notebooks.nbformat.v4.new_notebook(cells=list(cells))
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count  # nbval compares nothing with a cell that was never run
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebooks.write(folder / "small.ipynb", notebook)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rootdir",
        str(folder),
        *OPTIONS,
        str(folder / "small.ipynb"),
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout


def test_cells_are_counted_with_the_markdown_between_them(tmp_path: Path) -> None:
    shown = run(tmp_path, markdown("# A"), code("1"), markdown("B"), code("1 / 0"))
    assert "FAILED small.ipynb::Cell 3" in shown, shown
    assert "Cell 3: Cell execution caused an exception" in shown, shown
