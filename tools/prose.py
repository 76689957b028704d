"""Check that every result in the text is the value of a claim or in a sentence with a citation.

A result is a decimal, a percentage, a multiple or an amount with a unit; years, names, shapes, versions,
plain integers, code and formulas are not. A page may use the claims of all chapters, a notebook its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tools.markdown import LINK
from tools.notebooks import ROOT, where
from tools.numerals import Number, numbers
from tools.passages import CODE, Passage, passages

COST = re.compile(
    r"^\*(?P<minutes>\d+) minutes? · (?P<memory>\d+(?:\.\d+)?) GB · (?P<data>[^·*]+) · scale laptop\*$", re.M
)


@dataclass(frozen=True)
class Reading:
    """A number in a text, and the claims of which it is the value."""

    number: Number
    claims: tuple[Mapping[str, Any], ...]  # of which it is the value; empty if it needs none or has none
    fault: bool  # a result that is neither claimed nor cited


def readings(passage: Passage, claims: Iterable[Mapping[str, Any]], cited: Collection[str]) -> list[Reading]:
    """Every number of a passage, from left to right, with the claims of which it is the value.

    The check of numbers reports those with a fault, and the page marks those with a claim; both rely on this one
    decision. In a heading or a sentence with a citation no number needs a claim, so none has one.
    """
    free = bool(passage.heading) or any(link in cited for link in passage.links)
    claims = list(claims)
    found = []
    for number in numbers(passage.text):
        asked = number.result and not free
        fitting = [claim for claim in claims if asked and number.agrees(claim["value"], claim["unit"])]
        found.append(Reading(number, tuple(fitting), asked and not fitting))
    return found


def passage_problems(
    passage: Passage, claims: Iterable[Mapping[str, Any]], cited: Collection[str]
) -> list[str]:
    """Results of a passage that are neither claimed nor cited."""
    return [
        f"“{one.number.text}” is neither a claim's value nor cited in its sentence; "
        f"claim it, cite it or write a setting as code: “{_shown(passage.text)}”"
        for one in readings(passage, claims, cited)
        if one.fault
    ]


def _shown(text: str) -> str:
    text = text.replace(LINK, "").replace(CODE, "…")
    return text if len(text) <= 100 else f"{text[:100]}…"


def problems(
    path: Path, notebook: NotebookNode, record: Mapping[str, Any] | None, cited: Collection[str]
) -> list[str]:
    """Check a notebook's Markdown cells and alternative texts.

    `cited` holds the addresses of the bibliography. Without a record nothing is claimed.
    """
    claims = record["claims"] if record else []
    found = []
    for index, cell in enumerate(notebook.cells):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for passage in [*passages(checked_text(index, cell)), *([Passage(alt)] if alt else [])]:
            found += [f"{where(path, index)}: {it}" for it in passage_problems(passage, claims, cited)]
    return found + cost_problems(path, notebook, record)


def checked_text(index: int, cell: NotebookNode) -> str:
    """The prose of a Markdown cell; without the first one's line of costs, which is compared with the record."""
    if cell.cell_type != "markdown":
        return ""
    return cell.source if index else COST.sub("", cell.source)


def cost_problems(path: Path, notebook: NotebookNode, record: Mapping[str, Any] | None) -> list[str]:
    """Compare the line of costs with the record: neither too little nor three times too much."""
    line = COST.search(notebook.cells[0].source) if notebook.cells else None
    if not line or not record:
        return []  # tools.structure reports a missing line, tools.records a missing record
    found = []
    for name, stated, measured in (
        ("minutes", float(line["minutes"]), record["seconds"] / 60),
        ("GB", float(line["memory"]), record["peak_memory_gb"]),
    ):
        if not measured <= stated <= 3 * math.ceil(measured):
            said = f"the line of costs says {stated:g} {name}, but {measured:.2f} was measured"
            found.append(f"{where(path, 0)}: {said}; correct the line")
    return found


def page_problems(
    path: Path, claims: Iterable[Mapping[str, Any]], cited: Collection[str], text: str | None = None
) -> list[str]:
    """Check a page of the book; `cited` holds the bibliography's addresses and its keys as "cite:KEY"."""
    claims = list(claims)
    text = path.read_text(encoding="utf-8") if text is None else text
    return [f"{where(path)}: {it}" for one in passages(text) for it in passage_problems(one, claims, cited)]


def pages(root: Path = ROOT) -> list[Path]:
    """The pages of the book that people write."""
    return sorted([*root.glob("book/*.md"), *root.glob("book/parts/*.md")])
