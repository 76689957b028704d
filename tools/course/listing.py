"""The list of assignments for the page for teachers, and which chapters lead to which, read from the notebooks."""

from __future__ import annotations

import re
from pathlib import Path

from tools import notebooks, pages
from tools.markdown import unlinked
from tools.notebooks import ROOT

FOLDER = Path("notebooks") / "assignments"
_LINE = re.compile(r"\*Assignment (\d) · ([\d.]+) points · ([\w. ]+?) · ")
_NAMED = re.compile(r"\bassignment\s+(\d)\b")


def names(root: Path = ROOT) -> list[str]:
    """All assignments, in order."""
    return [path.parent.name for path in notebooks.masters(root)]


def stated(name: str, root: Path = ROOT) -> tuple[int, str, float, str]:
    """Number, title, points and time of an assignment, as its first cell states them.

    Raises:
        ValueError: if it does not.
    """
    master = notebooks.read(root / FOLDER / name / "master.ipynb")
    line = _LINE.search(master.cells[0].source)
    if line is None or not name.startswith(f"{line[1]}_"):
        raise ValueError(
            f"{name}: the first cell needs the line *Assignment {name[0]} · … points · … hours · needs …*"
        )
    return int(line[1]), notebooks.title(master), float(line[2]), line[3]


def steps(root: Path = ROOT) -> dict[str, list[int]]:
    """The numbers of the assignments that a chapter's exercises name, by chapter."""
    found = {}
    for chapter in notebooks.chapters(root):
        cells = notebooks.read(notebooks.path_of(chapter, root)).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        found[chapter] = sorted({int(number) for number in _NAMED.findall(text)})
    return found


def table(root: Path = ROOT) -> str:
    """The table of the page for teachers: assignments, with the chapters of this book or edition that lead there."""
    leading = steps(root)
    lines = []
    for name in names():
        number, title, points, time = stated(name)
        chapters = [
            f"[{unlinked(notebooks.title(notebooks.read(notebooks.path_of(it, root))))}](/notebooks/{it}.ipynb)"
            for it, numbers in leading.items()
            if number in numbers
        ]
        cells = [str(number), title, f"{points:g}", time, ", ".join(chapters)]
        lines.append([pages.in_cell(cell) for cell in cells])
    heads = ["", "assignment", "points", "time", "chapters with a step towards it"]
    return pages.table(heads, lines) + "\n"
