"""The wheel as somebody uses it who has no checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from largemodels.book import studies
from tools import environments, needs, notebooks
from tools.environments import outside
from tools.lowest import show_data
from tools.notebooks import ROOT

PROGRAM = """
import largemodels as lm
from largemodels.book import setup

setting = lm.start("smoke", 0, smoke=dict(steps=3), laptop=dict(steps=300))
text = lm.shakespeare().text("train")[:5_000]
tokenizer = lm.CharTokenizer(text)
config = lm.GPTConfig(vocab_size=tokenizer.vocab_size, context_length=16, n_layer=1, n_head=2, d_model=8)
model = lm.GPT(config)
history = lm.train(model, lm.batches(tokenizer.encode(text), 4, 16, 0), lm.TrainingConfig(steps=setting.steps))
try:
    study = len(lm.studies.load("05_project/pretraining"))
except lm.studies.StudyError as error:
    study = str(error).partition(" changed since")[1] and "stale"
extra = [required.name for required in setup.extras()["part5"]]
print(history.step.iloc[-1], study, lm.studies.__file__, setup.checkout(), *extra)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with what is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder]
    subprocess.run([*command, ROOT], check=True)
    (path,) = folder.glob("*.whl")
    return path


def without_the_library(folder: Path) -> Path:
    """The interpreter of a new environment with what the wheel requires, outside of the checkout."""
    required = ["torch", "pandas", "matplotlib", "tqdm", "safetensors", "tokenizers", "filelock"]
    folder.mkdir()
    python = environments.beside(
        folder, [*required, "platformdirs", "typer", "lazy-loader", "arpy", "backports-zstd"]
    )
    show_data(folder / "seen")
    return python


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """The interpreter of an environment with the wheel and what it requires, outside of the checkout."""
    python = without_the_library(wheel.parent / "used")
    done = outside(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    return python


def test_the_wheel_holds_types_cards_and_registry(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "largemodels/__init__.pyi",
        "largemodels/_data/registry.toml",
        "largemodels/_data/cards/shakespeare.md",
        "largemodels/_data/studies/05_project/pretraining.json",
    } <= names
    assert not any(name.startswith(("tests/", "tools/", "notebooks/")) for name in names)


def test_all_that_it_requires_is_declared(python: Path) -> None:
    found = outside(
        python, "-m", "pip", "check"
    ).stdout  # of data packages alone, which are installed without theirs
    assert not [line for line in found.splitlines() if line.startswith("largemodels ")], found


def in_the_checkout() -> str:
    """How many rows the study has here, or that its code changed since."""
    try:
        return str(len(studies.load("05_project/pretraining")))
    except studies.StudyError as error:
        return "stale" if " changed since" in str(error) else str(error)


def test_it_trains_and_finds_its_data_and_studies(python: Path) -> None:
    done = outside(python, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    steps, study, place, checkout, *extra = done.stdout.splitlines()[-1].split()
    assert (steps, study, checkout) == ("3", in_the_checkout(), "None")
    assert Path(place).is_relative_to(python.parents[1])
    assert "transformers" in extra


def test_the_command_line_says_what_is_installed(python: Path) -> None:
    program = python.with_name("largemodels")
    done = subprocess.run([program, "info"], cwd=python.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "torch" in done.stdout


def test_a_set_up_cell_installs_a_wheel_that_lies_beside_the_notebook(wheel: Path, tmp_path: Path) -> None:
    """As its message says; on Colab, where an edition has no published address."""
    source = needs.setup_cell(notebooks.read(notebooks.TEMPLATE)).source
    cell = tmp_path / "cell.py"
    cell.write_text(source.replace('"part5"', '"part4"'), encoding="utf-8")  # its packages come with torch
    python = without_the_library(tmp_path / "colab")
    folder = python.parent  # in which `outside` works
    asked = outside(python, cell)
    assert asked.returncode == 1
    assert "upload the wheel that `make wheel` builds into the folder of this notebook" in asked.stderr

    shutil.copy(wheel, folder)
    done = outside(python, cell, extra={"PIP_NO_INDEX": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    found = outside(python, "-c", "import largemodels; print(largemodels.__file__)").stdout
    assert Path(found.strip()).is_relative_to(folder.parent)
