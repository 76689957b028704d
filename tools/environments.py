"""Virtual environments that can use some of what is installed in this one, so that nothing is fetched twice."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def with_requirements(names: Collection[str]) -> set[str]:
    """Distributions and, recursively, their requirements, by their names on PyPI in normal form."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        required = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        left += [it.name for it in required if it.marker is None or it.marker.evaluate({"extra": ""})]
    return found


def beside(folder: Path, names: Collection[str], without: Collection[str] = ()) -> Path:
    """Make an environment in ``folder`` that sees ``names`` and their requirements, and nothing else of this one.

    Args:
        folder: a new or empty one.
        names: of distributions that are installed here.
        without: distributions that it must not see although they are required.

    Returns:
        its interpreter.
    """
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    # Up to Python 3.11 venv installs an old one, which would hide the one that torch asks for.
    outside(python, "-m", "pip", "uninstall", "-q", "-y", "setuptools")
    seen = folder / "seen"
    seen.mkdir()
    for name in with_requirements(names) - {canonicalize_name(it) for it in without}:
        show(name, seen)
    purelib = outside(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    Path(purelib, "seen.pth").write_text(f"{seen}\n", encoding="utf-8")
    return python


def show(name: str, seen: Path) -> None:
    """Link a distribution that is installed here into a folder that another environment sees.

    Raises:
        PackageNotFoundError: if it is not installed.
    """
    distribution = importlib.metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
        if not (seen / top).exists():
            (seen / top).symlink_to(Path(str(distribution.locate_file(top))))


def outside(
    python: Path, *arguments: str | Path, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an environment's interpreter in its own folder, outside the checkout and without this one's settings."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in hidden} | dict(extra or {})
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, cwd=python.parent, env=environment, capture_output=True, text=True)
