"""Source notes, what the notebooks say about the article's claims: block quotations with `source_note` metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tools.markdown import blocks
from tools.notebooks import chapter_of, paths, read, where
from tools.passages import links

VERDICTS = {
    "wrong": "it does not hold; the chapter shows what does",
    "imprecise": "it holds in part, or under a condition that the article does not state",
    "unsupported": "nothing that we measured or found in the literature supports it",
    "right": "it holds; the chapter shows it",
}
FIELDS = {"section", "verdict", "claim"}
_SECTION = re.compile(r"(?:10|[1-9])(?:\.[1-9]\d?){0,2}")
_CHINESE_RUN = re.compile(r"(?:[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]\s*){12,}")


@dataclass(frozen=True)
class SourceNote:
    """One statement about the article."""

    chapter: str
    cell: int  # counted from 0
    section: str
    verdict: str
    claim: str  # the article's claim in our words, in one line
    text: str  # the quotation block without its marks


def collect(notebooks: Iterable[Path] | None = None) -> list[SourceNote]:
    """All source notes, in the order of the chapters and of their cells."""
    notes = []
    for path in paths() if notebooks is None else notebooks:
        for index, cell in enumerate(read(path).cells):
            if note := _note(cell):
                text = "\n".join(re.sub(r"^\s*> ?", "", line) for line in cell.source.splitlines())
                fields = {name: str(note.get(name, "")) for name in ("section", "verdict", "claim")}
                notes.append(SourceNote(chapter_of(path), index, **fields, text=text))
    return notes


def _note(cell: NotebookNode) -> dict[str, Any] | None:
    note = cell.metadata.get("source_note")
    return note if isinstance(note, dict) else None


def problems(path: Path, notebook: NotebookNode) -> list[str]:
    """What is wrong with the source notes of a notebook."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if "source_note" in cell.metadata:
            found += [f"{where(path, index)}: source note {it}" for it in _faults(cell)]
    return found


def _faults(cell: NotebookNode) -> list[str]:
    note = _note(cell)
    if note is None or set(note) != FIELDS or not all(isinstance(value, str) for value in note.values()):
        return [f"must have the fields {', '.join(sorted(FIELDS))}, all of them text, and no others"]
    found = []
    if not _SECTION.fullmatch(note["section"]):
        found.append(f"names section {note['section']!r}; give a number of the article such as 4.5")
    if note["verdict"] not in VERDICTS:
        found.append(f"has the verdict {note['verdict']!r}; choose {', '.join(VERDICTS)}")
    if not note["claim"].strip() or "\n" in note["claim"].strip():
        found.append("must state the article's claim in one line")
    outer = [token.type for token in blocks(cell.source) if token.level == 0]
    if cell.cell_type != "markdown" or outer != ["blockquote_open", "blockquote_close"]:
        found.append("must be one block quotation; begin each line with >")
    if relative := [link for link in links(cell.source) if "://" not in link]:
        found.append(f"links to {relative[0]}, which the audit page cannot; link to addresses only")
    if _CHINESE_RUN.search(cell.source) or _CHINESE_RUN.search(note["claim"]):
        found.append("contains a run of Chinese; say it in our own words and copy nothing")
    return found
