"""Notebooks as files: where they are, how they are read, written and brought into their one normal form.

`python -m tools.notebooks` rewrites them; with `--check` it only lists those that are not in normal form.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat.v4
from nbformat import NotebookNode

from largemodels.files import aside
from tools.normal_form import normalise

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "notebooks" / "template.ipynb"


def paths(root: Path = ROOT) -> list[Path]:
    """All chapters, `notebooks/<part>/<chapter>.ipynb`, in the order of the book's parts.

    JupyterLab's copies, such as `pretraining-Copy1.ipynb`, are not chapters: readers make them to try things.
    """
    found = sorted(root.glob("notebooks/[0-9][0-9]_*/*.ipynb"))
    return [path for path in found if not re.search(r"-Copy\d*$", path.stem)]


def masters(root: Path = ROOT) -> list[Path]:
    """The master notebooks of all assignments, in order (see `tools.course.masters`)."""
    return sorted(root.glob("notebooks/assignments/[0-9]*_*/master.ipynb"))


def chapter_of(path: Path) -> str:
    """Name of a chapter, such as "05_project/pretraining"."""
    return f"{path.parent.name}/{path.stem}"


def path_of(chapter: str, root: Path = ROOT) -> Path:
    """Where a chapter's notebook is."""
    return root / "notebooks" / f"{chapter}.ipynb"


def chapters(root: Path = ROOT) -> list[str]:
    """Names of all chapters, in order."""
    return [chapter_of(path) for path in paths(root)]


def where(path: Path, cell: int | None = None) -> str:
    """How messages name a place; cells count from 0, Markdown and code together."""
    place = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()
    return place if cell is None else f"{place} cell {cell}"


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def title(notebook: NotebookNode) -> str:
    """The title in a notebook's first cell, empty where there is none."""
    first = notebook.cells[0].source.split("\n", 1)[0] if notebook.cells else ""
    return first[2:].strip() if first.startswith("# ") else ""


def read(path: Path) -> NotebookNode:
    """Read a notebook as it is: nothing is added, and only the version of its format is checked."""
    return _parse(path.read_text(encoding="utf-8"), path)


def _parse(text: str, path: Path) -> NotebookNode:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where(path)}: not JSON ({error}); restore the file") from None
    if not isinstance(data, dict) or data.get("nbformat") != 4 or "cells" not in data:
        raise ValueError(f"{where(path)}: not a notebook of format 4; save it again with JupyterLab")
    return nbformat.v4.reads(text)


def text(notebook: NotebookNode) -> str:
    """The text of a notebook's file."""
    return str(nbformat.v4.writes(notebook)) + "\n"


def write(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook; an interruption leaves the old one whole."""
    replace(path, text(notebook))


def replace(path: Path, text: str) -> None:
    """Write a temporary file, then move it into place."""
    with aside(path) as place:
        place.write_text(text, encoding="utf-8")


def formatted(text: str, path: Path) -> str:
    """The text that a notebook's file should contain: normal form, code formatted and corrected by ruff."""
    text = nbformat.v4.writes(normalise(_parse(text, path))) + "\n"
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        text = _ruff([*command, "--stdin-filename", str(path), "-"], text)
    return nbformat.v4.writes(normalise(_parse(text, path))) + "\n"


def _ruff(arguments: list[str], text: str | None = None) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    run = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", cwd=ROOT)
    if run.returncode and text is not None:
        raise ValueError(f"ruff cannot read {arguments[-2]}: {run.stderr.strip()}")
    return run.stdout


def problems(path: Path) -> list[str]:
    """What keeps a notebook's file from being in normal form."""
    text = path.read_text(encoding="utf-8")
    try:
        found = (
            [] if formatted(text, path) == text else [f"{where(path)}: not in normal form; run make format"]
        )
    except ValueError as error:
        return [str(error)]
    for fault in json.loads(_ruff(["check", "--quiet", "--output-format=json", str(path)])):
        place = f"{where(path, fault['cell'] - 1)} line {fault['location']['row']}"  # ruff counts from 1
        advice = "break the line" if fault["code"] == "E501" else "correct it"
        found.append(f"{place}: {fault['message']} ({fault['code']}); {advice}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Format the notebooks, or check that they are formatted."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, list what would change")
    parser.add_argument("path", nargs="*", type=Path, help="notebooks; without any, all of them")
    options = parser.parse_args(arguments)
    chosen = [path.resolve() for path in options.path] or [
        *paths(),
        *masters(),
        *filter(Path.exists, [TEMPLATE]),
    ]
    found = []
    for path in chosen:
        if not options.check:
            text = path.read_text(encoding="utf-8")
            try:
                new = formatted(text, path)
            except ValueError as error:
                found.append(str(error))
                continue
            if new != text:
                replace(path, new)
                print(f"{where(path)}: formatted")
        found += problems(path)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
