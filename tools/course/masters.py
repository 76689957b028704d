"""Assignments as files: the master notebook with its solutions, what is taken from it, and the notebook for students.

An assignment is a folder `notebooks/assignments/N_name/` with `master.ipynb`, `grading.py` (the parts), `wrong.py` (the
catalogue of misconceptions) and `right.py` (right solutions that look different). Cells of the master that a student
completes have the tag `answer`; what stands in them between `# BEGIN SOLUTION` and `# END SOLUTION` is taken out.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tools import notebooks
from tools.course import judge
from tools.course.judge import Part, Right, Wrong
from tools.course.listing import FOLDER, names
from tools.notebooks import ROOT

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
_SOLUTION = re.compile(rf"^([ \t]*){BEGIN}[^\n]*\n(.*?)^[ \t]*{END}[^\n]*(?:\n|$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Assignment:
    """An assignment, as its folder has it."""

    name: str
    title: str
    master: NotebookNode
    parts: tuple[Part, ...]
    wrong: tuple[type[Wrong], ...]
    right: tuple[type[Right], ...]
    seconds: float  # for the cells of a notebook

    @property
    def points(self) -> float:
        """All points."""
        return judge.total((part.track, part.points) for part in self.parts)

    def part(self, name: str) -> Part:
        """The part of a name."""
        return next(part for part in self.parts if part.name == name)

    def answers(self) -> dict[str, str]:
        """The sources of the solutions, by part: the cells whose metadata name it."""
        return {
            part.name: "\n\n".join(
                cell.source for cell in self.master.cells if cell.metadata.get("part") == part.name
            )
            for part in self.parts
        }

    def names(self, variant: int = 0) -> dict[str, Any]:
        """All names of the master after its imports and its solutions."""
        found: dict[str, Any] = {"__name__": self.name}
        with contextlib.redirect_stdout(None):
            for cell in self.master.cells:
                if cell.cell_type == "code" and notebooks.tags(cell) & {"imports", "variant", "answer"}:
                    source = of_variant(cell.source, variant)
                    exec(compile(source, f"{self.name}/master.ipynb", "exec"), found)
        return found


@functools.cache
def load(name: str, root: Path = ROOT) -> Assignment:
    """An assignment by name, such as "2_attention".

    Raises:
        ValueError: if there is none of this name, or its files do not fit together.
    """
    folder = root / FOLDER / name
    if not (folder / "master.ipynb").exists():
        raise ValueError(f"There is no assignment {name!r}. Choose from: {', '.join(names(root))}.")
    master = nbformat.read(folder / "master.ipynb", as_version=4)
    grading, wrong, right = (_module(folder / f"{it}.py") for it in ("grading", "wrong", "right"))
    parts = tuple(grading.PARTS)
    found = Assignment(
        name,
        notebooks.title(master),
        master,
        parts,
        tuple(_classes(wrong, Wrong)),
        tuple(_classes(right, Right)),
        getattr(grading, "SECONDS", 120.0),
    )
    known = {part.name for part in parts}
    unknown = sorted({it.part for it in (*found.wrong, *found.right)} - known)
    if missing := [name_ for name_, source in found.answers().items() if not source]:
        raise ValueError(f"{name}: no cell of the master has the part {missing[0]!r} in its metadata")
    if unknown:
        raise ValueError(f"{name}: there is no part {unknown[0]!r}")
    return found


def _module(path: Path) -> types.ModuleType:
    """A Python file of an assignment as a module."""
    name = f"assignment_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect finds a class's source through it
    spec.loader.exec_module(module)
    return module


def _classes(module: types.ModuleType, kind: type) -> list[Any]:
    """The subclasses that a module defines, in the order of its lines."""
    judge.sources(module.__name__)
    return [
        it for it in vars(module).values() if isinstance(it, type) and issubclass(it, kind) and it is not kind
    ]


def of_variant(source: str, number: int) -> str:
    """A cell with the number of a variant in the line that sets it."""
    return re.sub(r"(?m)^VARIANT = \d+", f"VARIANT = {number}", source)


def without_solutions(source: str) -> str:
    """A cell's program as a student gets it."""
    return _SOLUTION.sub(
        lambda found: f'{found[1]}raise NotImplementedError("your code here")\n' if found[1] else "...\n",
        source,
    ).rstrip("\n")


def solutions(source: str) -> list[str]:
    """What stands between the marks in a cell."""
    return [found[2] for found in _SOLUTION.finditer(source)]


def for_students(assignment: Assignment, variant: int = 0) -> NotebookNode:
    """The notebook that is handed out: no solution, no output, and the number of its variant."""
    found = copy.deepcopy(assignment.master)
    found.cells = [cell for cell in found.cells if "teacher" not in notebooks.tags(cell)]
    for cell in found.cells:
        if cell.cell_type == "code":
            cell.source = without_solutions(of_variant(cell.source, variant))
            cell.outputs, cell.execution_count = [], None
    found.metadata["largemodels"] = {"assignment": assignment.name, "variant": variant}
    return found


def with_exercises_emptied(chapter: NotebookNode) -> NotebookNode:
    """A chapter for students: cells tagged `solution` are empty."""
    found = copy.deepcopy(chapter)
    for cell in found.cells:
        if "solution" in notebooks.tags(cell):
            cell.source, cell.outputs, cell.execution_count = "# Your solution", [], None
    return found
