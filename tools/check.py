"""Run all checks of one chapter, then its cells at smoke scale: seconds, where `make test` takes minutes.

    python -m tools.check 05_project/pretraining
    python -m tools.check template

Prints a line for each problem. The tests apply the same `CHECKS` to every notebook.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode

from tools import (
    cell_numbers,
    citations,
    contents,
    execute,
    failures,
    notebooks,
    prose,
    records,
    source_notes,
    structure,
    symbols,
)
from tools.notebooks import ROOT, TEMPLATE, where
from tools.wording import counted

# How nbval runs a notebook: every cell must run; an output is compared where a tag asks for it.
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300")


@functools.cache
def _bibliography() -> citations.Bibliography:
    return citations.bibliography()


@dataclass(frozen=True)
class Subject:
    """A notebook to check; the template has no record and no place in the book."""

    path: Path
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> Subject:
        """Read a notebook; ValueError, with one line, if the file is not one."""
        return cls(path, notebooks.read(path))

    @property
    def template(self) -> bool:
        """Whether it is the template."""
        return self.path == TEMPLATE


def _structure(it: Subject) -> list[str]:
    return structure.problems(it.path, it.notebook, template=it.template)


def _citations(it: Subject) -> list[str]:
    return citations.problems(it.path, it.notebook, _bibliography())


def _numbers(it: Subject) -> list[str]:
    try:
        record = None if it.template else records.load(notebooks.chapter_of(it.path))
    except ValueError:
        return []  # the check of the record reports it
    return prose.problems(it.path, it.notebook, record, _bibliography().cited)


def _record(it: Subject) -> list[str]:
    return [] if it.template else records.check(notebooks.chapter_of(it.path))


def _listed(it: Subject) -> list[str]:
    return [] if it.template else unlisted(notebooks.chapter_of(it.path))


def listed(text: str) -> list[str]:
    """The chapters to which a table or list links, such as "05_project/pretraining", in its order."""
    return re.findall(r"[*|,-] \[[^]]+\]\((?:\.\./)*notebooks/(\S+)\.ipynb\)", text)


def unlisted(chapter: str, root: Path = ROOT) -> list[str]:
    """Whether the table of contents or the table in README.md lacks a chapter."""
    place = where(notebooks.path_of(chapter, root))
    if chapter not in [one for part in contents.parts(root) for one in part.chapters]:
        return [f"{place}: _toc.yml does not name it; add a line below the page of its part"]
    if chapter not in listed((root / "README.md").read_text(encoding="utf-8")):
        return [f"{place}: README.md does not name it; run make format"]
    return []


CHECKS: dict[str, Callable[[Subject], list[str]]] = {
    "format and lint": lambda it: notebooks.problems(it.path),
    "structure, cells and alternative texts": _structure,
    "source notes": lambda it: source_notes.problems(it.path, it.notebook),
    "symbols of formulas": lambda it: symbols.problems(it.path, it.notebook),
    "links and citations": _citations,
    "numbers": _numbers,
    "record": _record,
    "place in the book": _listed,
}


class _Failures:
    """Pytest plugin that collects, in one line each, what fails in a notebook, up to the first error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = 0
        self.lines: list[str] = []

    def pytest_runtest_makereport(self, item: Any, call: pytest.CallInfo[None]) -> None:
        self.cells += call.when == "call"
        if call.excinfo is None:
            return
        error = call.excinfo.value
        last = failures.last_error(getattr(error, "inner_traceback", "") or "", "")
        if str(error) == "Cell outputs differ":
            said = "the output is not the stored one; run make chapter, or remove the tag nbval-check-output"
        else:
            said = last if "exception" in str(error) and last else f"{error}"
            item.session.shouldstop = "the cells after an error only repeat it"
        self.lines.append(f"{where(self.path, item.cell_num)}: {said}")


def smoke(path: Path) -> tuple[int, list[str]]:
    """Run a notebook at smoke scale; how many cells ran, and what is wrong."""
    os.environ.update(execute.environment("smoke"))
    found, shown = _Failures(path), io.StringIO()
    options = [*NBVAL, "-q", "-p", "no:cacheprovider", "--rootdir", str(path.parent)]
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = pytest.main([*options, str(path)], plugins=[cell_numbers, found])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not found.lines:
        last = failures.last_error(shown.getvalue(), "no output")
        found.lines.append(f"{where(path)}: could not be run: {last}")
    return found.cells, found.lines


def path_for(name: str, root: Path = ROOT) -> Path | None:
    """The notebook of a chapter's name or path, or of "template"; None where there is none."""
    short = name.removeprefix("notebooks/").removesuffix(".ipynb")
    if short == "template":
        return TEMPLATE
    return notebooks.path_of(short, root) if short in notebooks.chapters(root) else None


def check(path: Path) -> tuple[int, list[str]]:
    """Run all checks of a notebook, and its cells at smoke scale; how many these were, and what they found."""
    try:
        subject = Subject.read(path)
    except ValueError as error:
        return 1, [str(error)]
    found = [line for one in CHECKS.values() for line in one(subject)]
    cells, failed = smoke(path)
    return len(CHECKS) + cells, found + failed


def main(arguments: list[str] | None = None) -> int:
    """Check a chapter; 1 if there is a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.check", description="Check one chapter and run it at smoke scale."
    )
    parser.add_argument("chapter", help="such as 05_project/pretraining, or template")
    name = parser.parse_args(arguments).chapter
    began = time.perf_counter()
    path = path_for(name)
    if path is None:
        print(
            f"There is no chapter {name}. Choose one of: {', '.join(notebooks.chapters())}, template.",
            file=sys.stderr,
        )
        return 2
    number, found = check(path)
    for line in found:
        print(line)
    result = f"{counted(len(found), 'problem')} in" if found else "ok,"
    print(f"{result} {number} checks, {time.perf_counter() - began:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
