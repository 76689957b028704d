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
    "wrong": "it does not hold; the chapter or the source shows what does",
    "imprecise": "it holds in part, or under a condition that the article does not state",
    "unsupported": "nothing that we measured or found in the literature supports it",
    "right": "it holds; the chapter or the source shows it",
}
# The article's sections, in its order, with what they are about in our words. It numbers
# the topics of section 2 twice: what stands there before the semicolon is the first pass's.
SECTIONS = {
    "1": "background",
    "1.1": "history",
    "1.2": "fields of application",
    "1.3": "problems",
    "2": "concepts",
    "2.1": "neural networks",
    "2.2": "depth; self-attention",
    "2.3": "self-attention; encoder and decoder",
    "2.4": "encoder and decoder; GANs",
    "2.5": "GANs; meta-learning",
    "2.6": "meta-learning; cross-modal learning",
    "2.7": "cross-modal learning",
    "3": "algorithms",
    "3.1": "the Transformer",
    "3.2": "GPT",
    "3.3": "BERT",
    "3.4": "graph networks",
    "4": "mathematics",
    "4.1": "formulas of the Transformer",
    "4.2": "formulas of GPT",
    "4.3": "formulas of BERT",
    "4.4": "formulas of graph networks",
    "4.5": "a worked example",
    "5": "project",
    "5.1": "environment and data",
    "5.2": "the program",
    "5.2.1": "the program's data",
    "5.2.2": "the program's training",
    "5.2.3": "the program's generation",
    "5.3": "the program explained",
    "5.3.1": "its data explained",
    "5.3.2": "its training explained",
    "5.3.3": "its generation explained",
    "5.4": "printed results",
    "6": "applications",
    "7": "tools and resources",
    "7.1": "to learn from",
    "7.2": "to build with",
    "7.3": "books",
    "8": "trends and challenges",
    "9": "questions and answers",
    "10": "further reading",
}
NEEDED = {"section", "verdict", "claim"}
FIELDS = {*NEEDED, "line"}
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
    line: int | None = None  # of the article, for the order on the audit page


def collect(notebooks: Iterable[Path] | None = None) -> list[SourceNote]:
    """All source notes, in the order of the chapters and of their cells."""
    notes = []
    for path in paths() if notebooks is None else notebooks:
        for index, cell in enumerate(read(path).cells):
            if note := _note(cell):
                text = "\n".join(re.sub(r"^\s*> ?", "", line) for line in cell.source.splitlines())
                fields = {name: str(note.get(name, "")) for name in ("section", "verdict", "claim")}
                line = int(note["line"]) if str(note.get("line", "")).isdecimal() else None
                notes.append(SourceNote(chapter_of(path), index, **fields, text=text, line=line))
    return notes


def has_chinese_run(text: str) -> bool:
    """Whether a text has so much Chinese in one piece that it may be copied."""
    return bool(_CHINESE_RUN.search(text))


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
    if (
        note is None
        or not NEEDED <= set(note) <= FIELDS
        or not all(isinstance(it, str) for it in note.values())
    ):
        needed = ", ".join(sorted(NEEDED))
        return [f"must have the fields {needed} and may have a line, all of them text, and no others"]
    found = []
    if note["section"] not in SECTIONS:
        found.append(f"names section {note['section']!r}; give a number of the article such as 4.5")
    if not re.fullmatch(r"[1-9]\d*", note.get("line", "1")):
        found.append(f"names line {note['line']!r}; give a number such as 357")
    if note["verdict"] not in VERDICTS:
        found.append(f"has the verdict {note['verdict']!r}; choose {', '.join(VERDICTS)}")
    if not note["claim"].strip() or "\n" in note["claim"].strip():
        found.append("must state the article's claim in one line")
    outer = [token.type for token in blocks(cell.source) if token.level == 0]
    if cell.cell_type != "markdown" or outer != ["blockquote_open", "blockquote_close"]:
        found.append("must be one block quotation; begin each line with >")
    if relative := [link for link in links(cell.source) if "://" not in link]:
        found.append(f"links to {relative[0]}, which the audit page cannot; link to addresses only")
    if has_chinese_run(cell.source) or has_chinese_run(note["claim"]):
        found.append("contains a run of Chinese; say it in our own words and copy nothing")
    return found
