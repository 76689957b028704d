"""Run the library's tests with the oldest packages that `pyproject.toml` allows.

    python -m tools.lowest [--torch-index https://download.pytorch.org/whl/cpu] [TEST …]

A separate environment is made in `_build/lowest`. What the library and its extras require with `>=` is installed in
exactly that version; indirect dependencies are installed in the newest version that fits. Python is the one that runs
this program. torch is the installed one, unless an index is named from which to take torch's own lower bound: torch is
large, and PyTorch keeps old versions only on its own index. Without the index, torch's lower bound is not tested. The
user's cache is replaced by an empty one: weights that a newer transformers has converted would hide that an old one
cannot.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from largemodels.data.registry import registry
from tools import environments, requirements
from tools.notebooks import ROOT

FOLDER = ROOT / "_build" / "lowest"
TESTS = ("tests/parity", "tests/library")
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "playwright", "axe-playwright-python", "beautifulsoup4")


def bounds(root: Path = ROOT) -> dict[str, str]:
    """The lower bound of everything that the library and its extras require."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    required = [Requirement(line) for lines in lists for line in lines]
    return {it.name: str(it.specifier).removeprefix(">=") for it in required if it.specifier}


def environment(folder: Path, torch_index: str | None) -> Path:
    """Make the environment anew; returns its interpreter."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lowest = bounds()
    python = environments.beside(folder, [] if torch_index else ["torch"])
    show_data(folder / "seen")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if torch_index:
        subprocess.run([*pip, "--index-url", torch_index, f"torch=={lowest['torch']}"], check=True)
    wanted = [f"{name}=={version}" for name, version in lowest.items() if name != "torch"]
    pinned = requirements.pinned()
    subprocess.run([*pip, *wanted, *(f"{name}=={pinned[name]}" for name in TOOLS)], check=True)
    return python


def show_data(seen: Path) -> None:
    """Let the environment see the installed data packages, which contain nothing to import."""
    for entry in registry().values():
        if entry["package"] in bounds():
            continue  # a library that carries data is installed in its own lowest version
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            environments.show(entry["package"], seen)


def main() -> int:
    """Command line, see the module's docstring."""
    about = "Run the library's tests with the oldest packages that pyproject.toml allows."
    parser = argparse.ArgumentParser(prog="python -m tools.lowest", description=about)
    parser.add_argument("--torch-index", help="install torch's lower bound, too, from this index")
    parser.add_argument(
        "test", nargs="*", default=TESTS, help="files or folders; without any, all of the library"
    )
    asked = parser.parse_args()
    python = environment(FOLDER, asked.torch_index)
    listed = [str(python), "-m", "pip", "list", "--disable-pip-version-check", "--format=freeze"]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    named = [line for line in found if line.partition("==")[0] in {*bounds(), "torch"}]
    print("With", ", ".join(named), flush=True)
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    settings["XDG_CACHE_HOME"] = str(FOLDER / "cache")
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-n",
        str(os.cpu_count()),
        "-p",
        "no:cacheprovider",
        *asked.test,
    ]
    return subprocess.run(command, cwd=ROOT, env=settings).returncode


if __name__ == "__main__":
    sys.exit(main())
