"""Install what chapters need and is missing: the packages of their part and their data, as their set-up cells say.

    python -m tools.needs --all               everything that any chapter and the tests need
    python -m tools.needs 05_project/app …    what these chapters or studies need

`tools.execute` calls this for the chapters that it runs, so that a fresh machine fetches only what these need.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from largemodels.book import setup
from largemodels.data import registry
from tools import notebooks
from tools.notebooks import ROOT, tags
from tools.wording import counted

_VALUE = re.compile(r"^(REPOSITORY|EXTRA|DATA) = .*$", re.M)
_OF_LIBRARY = re.compile(r"\S+ of (\S+) \S+")  # data that a library carries, as records write it


@dataclass(frozen=True)
class Needs:
    """What a set-up cell installs."""

    extra: str  # of pyproject.toml, such as "part5"
    data: tuple[str, ...]  # names in the registry


def setup_cell(notebook: NotebookNode) -> NotebookNode:
    """The one cell tagged setup.

    Raises:
        ValueError: if there is none or more than one.
    """
    found = [cell for cell in notebook.cells if "setup" in tags(cell)]
    if len(found) != 1:
        raise ValueError(
            f"{counted(len(found), 'cell')} with the tag setup, one is needed; copy the template"
        )
    return found[0]


def of(notebook: NotebookNode) -> Needs:
    """What a chapter needs.

    Raises:
        ValueError: if its set-up cell does not say so in the lines EXTRA and DATA.
    """
    values: dict[str, Any] = {}
    for line in setup_cell(notebook).source.splitlines():
        if match := _VALUE.fullmatch(line):
            try:
                values[match[1]] = ast.literal_eval(line.partition(" = ")[2])
            except (SyntaxError, ValueError):
                values[match[1]] = None
    extra, data = values.get("EXTRA"), values.get("DATA")
    if not isinstance(extra, str):
        raise ValueError('the set-up cell must have a line such as `EXTRA = "part5"`')
    if not isinstance(data, list) or any(not isinstance(name, str) for name in data):
        raise ValueError('the set-up cell must have a line such as `DATA = ["shakespeare"]` or `DATA = []`')
    return Needs(extra, tuple(data))


def form(source: str) -> str:
    """A set-up cell without the values in which chapters may differ."""
    return _VALUE.sub(r"\1 = …", source)


@cache
def template_form() -> str:
    """The form that every set-up cell has."""
    return form(setup_cell(notebooks.read(notebooks.TEMPLATE)).source)


def problems(path: Path, notebook: NotebookNode) -> list[str]:
    """What is wrong with a chapter's set-up cell."""
    try:
        needs, source = of(notebook), setup_cell(notebook).source
    except ValueError as error:
        return [str(error)]
    found = []
    if form(source) != template_form():
        found.append(
            "must be the template's set-up cell; only the values of EXTRA, DATA and REPOSITORY may differ"
        )
    part = re.match(r"\d\d(?=_)", path.parent.name)
    extra = f"part{int(part[0])}" if part else needs.extra
    if needs.extra != extra:
        found.append(f'must say `EXTRA = "{extra}"`, because the chapter belongs to that part')
    elif extra not in setup.extras():
        found.append(f"the extra {extra} is not in pyproject.toml; add it there")
    if unknown := sorted(set(needs.data) - registry.registry().keys()):
        found.append(
            f"DATA names {', '.join(unknown)}, not in data/registry.toml; add it there or correct the name"
        )
    return found


def uncovered(needs: Needs, record: dict[str, Any]) -> list[str]:
    """Data that a chapter has read, according to its record, but that its set-up cell does not install."""
    installed = {required.name for required in setup.extras()[needs.extra]}
    found = []
    for entry in record["data"]:
        library = _OF_LIBRARY.fullmatch(entry)
        if not (library and library[1] in installed) and entry.split()[0] not in needs.data:
            found.append(entry)
    return found


def provide(chapters: Iterable[str], root: Path = ROOT) -> None:
    """Install what is missing of what some chapters need.

    Raises:
        SetupError, DataError: if something is unknown or cannot be fetched.
        ValueError: if a chapter's set-up cell cannot be read.
    """
    every = [of(notebooks.read(notebooks.path_of(chapter, root))) for chapter in chapters]
    fetch({needs.extra for needs in every}, {name for needs in every for name in needs.data})


def fetch(extras: Iterable[str], data: Iterable[str]) -> None:
    """Install what is missing of some extras and data sets, and print what was added and its size."""
    began, before = time.perf_counter(), _installed()
    setup.provide(extras, data)
    added = {name: version for name, version in _installed().items() if name not in before}
    if not added:
        return
    sizes = {name: _size(name) for name in added}
    listed = ", ".join(
        f"{name} {added[name]} ({size / 1e6:.0f} MB)"
        for name, size in sorted(sizes.items(), key=lambda it: -it[1])
        if size >= 5e5
    )
    print(
        f"Added {counted(len(added), 'package')}, {sum(sizes.values()) / 1e6:.0f} MB on disk, "
        f"in {time.perf_counter() - began:.0f} s: {listed or 'all of them small'}",
        flush=True,
    )


def _installed() -> dict[str, str]:
    return {it.metadata["Name"]: it.version for it in importlib.metadata.distributions()}


def _size(name: str) -> int:
    files = importlib.metadata.files(name) or []
    return sum(file.size or 0 for file in files)


def chapter_of(name: str) -> str:
    """The chapter of that name, or the one to which a study of that name belongs.

    Raises:
        ValueError: if there is none.
    """
    every = notebooks.chapters()
    found = [chapter for chapter in every if name == chapter or name.startswith(f"{chapter}_")]
    if not found:
        raise ValueError(f"There is no chapter or study {name}. Chapters: {', '.join(every)}.")
    return max(found, key=len)


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.needs", description="Install what chapters need and is missing."
    )
    parser.add_argument("chapter", nargs="*", help="such as 05_project/pretraining")
    parser.add_argument("--all", action="store_true", help="what all chapters and the tests need")
    asked = parser.parse_args()
    try:
        if asked.all:
            fetch(setup.extras(), [*registry.names(), *registry.names(weights=True)])
        else:
            provide([chapter_of(name) for name in asked.chapter])
    except (setup.SetupError, registry.DataError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
