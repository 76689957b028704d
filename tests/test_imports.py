"""What may import what, as `[tool.importlinter]` in pyproject.toml says, holds; and a breach of it is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(*path: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts with packages from these folders."""
    command = [sys.executable, "-c", PROGRAM, "--no-cache", str(ROOT / "pyproject.toml")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    # Run elsewhere, since the folder that one is in is on the path, too.
    return subprocess.run(command, cwd=path[0], env=environment, capture_output=True, text=True)


def test_imports_point_down() -> None:
    done = lint(ROOT / "src", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("models/mlp.py", "from ..text import sampling", "largemodels.models is not allowed to import"),
        ("models/mlp.py", "from largemodels import training", "largemodels.models is not allowed to import"),
        ("models/mlp.py", "from .gpt import GPT", "largemodels.models.mlp is not allowed to import"),
        ("training/config.py", "from ..data import batches", "largemodels.training is not allowed to import"),
        ("data/pairs.py", "from ..pretrained import gpt", "largemodels.data is not allowed to import"),
        ("book/start.py", "from ..app import runs", "largemodels.book is not allowed to import"),
        ("files.py", "from . import paths", "largemodels.files is not allowed to import"),
        ("text/sampling.py", "import tools.pages", "largemodels is not allowed to import tools"),
        ("text/sampling.py", "import tests.balance", "largemodels is not allowed to import tests"),
        ("odd/__init__.py", "", "largemodels.odd"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, file: str, line: str, said: str) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    broken = tmp_path / "src" / "largemodels" / file
    broken.parent.mkdir(exist_ok=True)
    with broken.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    done = lint(tmp_path / "src", ROOT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
