"""The stamped set-up cell in an environment as Colab has it: a torch is there, the library is not."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from tools import notebooks, publish
from tools.notebooks import ROOT

ADDRESS = "https://github.com/no--body/book"  # no account can have two hyphens in a row
PROBE = """
import json, torch, largemodels
from largemodels.data.registry import files
found = {name: str(path) for name, path in files("shakespeare").items()}
print(json.dumps({"torch": torch.__file__, "version": torch.__version__,
                  "library": largemodels.__file__, "files": found}))
"""


def setup_cell(path: Path) -> str:
    """The source of a notebook's set-up cell."""
    (cell,) = (cell for cell in notebooks.read(path).cells if "setup" in notebooks.tags(cell))
    return str(cell.source)


def with_requirements(name: str) -> set[str]:
    """A distribution and all that it requires here."""
    found, left = set(), [name]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        required = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        left += [it.name for it in required if it.marker is None or it.marker.evaluate({"extra": ""})]
    return found


def run(python: Path, *arguments: str | Path, clone: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program outside of the checkout, without this environment's settings; `clone` stands for ADDRESS."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    if clone:
        environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": ADDRESS}
        environment["GIT_CONFIG_KEY_0"] = f"url.{clone.as_uri()}.insteadOf"
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, cwd=python.parent, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that sees this one's torch with its requirements, and nothing else."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    seen = folder / "seen"
    seen.mkdir()
    for name in with_requirements("torch"):
        for file in importlib.metadata.files(name) or []:
            top = file.parts[0]
            if top != ".." and not (seen / top).exists():
                (seen / top).symlink_to(Path(sysconfig.get_path("purelib"), top))
    python = folder / "env" / "bin" / "python"
    purelib = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    Path(purelib, "seen.pth").write_text(f"{seen}\n", encoding="utf-8")
    return python


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


def test_set_up_cells_are_all_the_same() -> None:
    """But for a chapter that reads trained weights: it installs these, too."""
    template = setup_cell(notebooks.TEMPLATE)
    last = '    subprocess.run([sys.executable, "-m", "largemodels.data", "install"], check=True)'
    assert last in template
    with_weights = template.replace(
        last,
        """    install = [sys.executable, "-m", "largemodels.data", "install"]
    subprocess.run(install, check=True)
    subprocess.run([*install, "--weights"], check=True)""",
    )
    for path in notebooks.paths():
        where = notebooks.where(path)
        assert setup_cell(path) in (template, with_weights), f"{where}: copy the set-up cell of the template"


def test_without_an_address_nothing_is_installed(python: Path, tmp_path: Path) -> None:
    cell = tmp_path / "cell.py"
    cell.write_text(setup_cell(notebooks.TEMPLATE), encoding="utf-8")
    done = run(python, cell)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: largemodels is missing")
    assert run(python, "-c", "import largemodels").returncode == 1


def test_stamped_cell_installs_library_and_data_and_keeps_torch(
    python: Path, published: Path, tmp_path: Path
) -> None:
    reached = run(python, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp_path, "hatchling")
    if reached.returncode:
        pytest.skip("no package index can be reached")
    cell = tmp_path / "cell.py"
    source = setup_cell(notebooks.paths(published.with_name("tree"))[0])
    assert ADDRESS in source
    cell.write_text(source, encoding="utf-8")
    done = run(python, cell, clone=published)
    assert done.returncode == 0, done.stdout + done.stderr

    probe = run(python, "-c", PROBE)
    assert probe.returncode == 0, probe.stderr
    found = json.loads(probe.stdout)
    environment = python.parents[1]
    assert found["version"] == torch.__version__
    assert Path(found["torch"]).is_relative_to(environment.parent / "seen")
    assert Path(found["torch"]).samefile(torch.__file__)
    assert Path(found["library"]).is_relative_to(environment)
    assert found["files"]
    assert all(Path(path).is_relative_to(environment) for path in found["files"].values())
    assert run(python, cell).returncode == 0  # a second time, when all is there
