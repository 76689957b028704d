"""Exact versions in `requirements/`, with which the book is run, checked and rendered.

`notebooks.txt` is what every notebook runs with, `partN.txt` what the chapters of one part need in addition,
`tools.txt` what executes, checks and renders, and `constraints.txt` pins the indirect dependencies of all of these.
"""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.notebooks import ROOT


def files(root: Path = ROOT) -> list[Path]:
    """All requirements files."""
    return sorted((root / "requirements").glob("*.txt"))


def of_file(path: Path) -> dict[str, str]:
    """Versions that one file pins, by the package's name in PyPI's normal form."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    required = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(it.name): str(it.specifier).removeprefix("==") for it in required}


def pinned(root: Path = ROOT) -> dict[str, str]:
    """The version of every pinned package, by its name in PyPI's normal form.

    Raises:
        ValueError: if two files pin different versions of one package.
    """
    found: dict[str, str] = {}
    for path in files(root):
        for name, version in of_file(path).items():
            if found.setdefault(name, version) != version:
                raise ValueError(f"{path.name} pins {name} {version}, another file {found[name]}; pin one")
    return found
