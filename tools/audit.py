"""The table of the audit, `data/audit.toml`: what the article says where no source note of a chapter says it.

An entry has the article's section, the line there (for the order on the page), the claim in our words, the verdict, and
a proof: sentences that cite a source, a chapter that shows it, claims of that chapter, a test that computes it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import citations, notebooks, prose, records, source_notes
from tools.notebooks import ROOT, where
from tools.passages import links
from tools.source_notes import SECTIONS, VERDICTS

TABLE = Path("data", "audit.toml")
TESTS = Path("tests", "test_article.py")  # which compute what an entry calls computed
NEEDED = {"section": str, "line": int, "claim": str, "verdict": str}
PROOFS = {"proof": str, "chapter": str, "shows": list, "test": str}


@dataclass(frozen=True)
class Entry:
    """One statement of the article."""

    section: str
    line: int  # of the article
    claim: str  # in our words, in one line
    verdict: str
    proof: str = ""  # Markdown, with {cite} roles
    chapter: str = ""  # that shows it
    shows: tuple[str, ...] = ()  # names of claims of that chapter
    test: str = ""  # name of a test, without test_


def entries(root: Path = ROOT) -> list[Entry]:
    """The entries in the order of the table; of those that name a chapter, those whose chapter is there.

    Raises:
        ValueError: with one line, if the file is no table or an entry has not the fields it must have.
    """
    there = notebooks.chapters(root)
    found = []
    for number, row in enumerate(_rows(root)):
        if fault := _fields(row):
            raise ValueError(f"{_place(root, number, row)} {fault}")
        entry = Entry(**{**row, "shows": tuple(row.get("shows", ()))})
        if not entry.chapter or entry.chapter in there:
            found.append(entry)
    return found


def _rows(root: Path) -> list[dict[str, Any]]:
    path = root / TABLE
    if not path.exists():
        return []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where(path)}: {error}") from error
    if unknown := sorted(table.keys() - {"entry"}):
        raise ValueError(f"{where(path)}: {unknown[0]} is no [[entry]]")
    return list(table.get("entry", []))


def _place(root: Path, number: int, row: dict[str, Any]) -> str:
    claim = " ".join(str(row.get("claim", "no claim")).split())
    return f"{where(root / TABLE)}, entry {number} ({claim[:50]}):"


def _fields(row: dict[str, Any]) -> str:
    """What is wrong with the names and the types of an entry's fields."""
    if missing := sorted(NEEDED.keys() - row.keys()):
        return f"lacks {', '.join(missing)}"
    if unknown := sorted(row.keys() - NEEDED.keys() - PROOFS.keys()):
        return f"has an unknown field {unknown[0]}"
    for name, kind in (NEEDED | PROOFS).items():
        if name in row and type(row[name]) is not kind:
            return f"has a {name} of the wrong type; give {kind.__name__}"
    if not all(isinstance(name, str) for name in row.get("shows", [])):
        return "has names of claims that are no text"
    return ""


def problems(root: Path = ROOT) -> list[str]:
    """What is wrong with the table, one line each."""
    try:
        rows = _rows(root)
    except ValueError as error:
        return [str(error)]
    bibliography = citations.bibliography(root / "book" / "references.bib")
    tests = _tests(root)
    found = []
    for number, row in enumerate(rows):
        faults = [fault] if (fault := _fields(row)) else _faults(row, root, bibliography, tests)
        found += [f"{_place(root, number, row)} {fault}" for fault in faults]
    return found + _doubles(rows, root)


def _tests(root: Path) -> set[str]:
    path = root / TESTS
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    return {node.name.removeprefix("test_") for node in tree.body if isinstance(node, ast.FunctionDef)}


def _faults(
    row: dict[str, Any], root: Path, bibliography: citations.Bibliography, tests: set[str]
) -> list[str]:
    found = []
    if row["section"] not in SECTIONS:
        found.append(f"names section {row['section']!r}, which the article does not have")
    if row["line"] < 1:
        found.append(f"names line {row['line']}; lines are counted from 1")
    if row["verdict"] not in VERDICTS:
        found.append(f"has the verdict {row['verdict']!r}; choose {', '.join(VERDICTS)}")
    if not row["claim"].strip() or "\n" in row["claim"]:
        found.append("must state the article's claim in one line")
    if source_notes.has_chinese_run(row["claim"] + "\n" + row.get("proof", "")):
        found.append("contains a run of Chinese; say it in our own words and copy nothing")
    return found + _proof_faults(row, root, bibliography, tests)


def _proof_faults(
    row: dict[str, Any], root: Path, bibliography: citations.Bibliography, tests: set[str]
) -> list[str]:
    proof, chapter, test = (row.get(name, "").strip() for name in ("proof", "chapter", "test"))
    if not (proof or chapter or test):
        return ["has no proof; give proof, chapter or test"]
    found = []
    targets = links(proof)
    cited = [target.removeprefix("cite:") for target in targets if target.startswith("cite:")]
    found += [
        f"cites {key}, which is not in book/references.bib"
        for key in dict.fromkeys(cited)
        if key not in bibliography.keys
    ]
    if other := [target for target in targets if not target.startswith("cite:")]:
        found.append(f"links to {other[0]}; cite an entry of the bibliography, or name the chapter")
    if re.search(r"\n\s*\n|^\s*(?:#|>|```)", proof, re.M):
        found.append("has a proof of more than one paragraph")
    claims = []
    if chapter and chapter not in notebooks.chapters(root):
        found.append(f"names the chapter {chapter}, which is not there")
    elif chapter:
        claims = (records.load(chapter, root) or {"claims": []})["claims"]
    names = {claim["name"] for claim in claims}
    found += [
        f"shows {name!r}, which the chapter does not claim"
        for name in row.get("shows", [])
        if name not in names
    ]
    if test and test not in tests:
        found.append(f"names the test {test}; {TESTS.as_posix()} has no test_{test}")
    for passage in prose.passages(proof):
        found += prose.passage_problems(passage, claims, bibliography.cited)
    return found


def _doubles(rows: list[dict[str, Any]], root: Path) -> list[str]:
    """Claims that are there twice, or that a chapter's note treats."""
    notes = source_notes.collect(notebooks.paths(root))
    noted = {_key(note.section, note.claim): note.chapter for note in notes}
    seen = Counter[tuple[str, str]]()
    found = []
    for number, row in enumerate(rows):
        key = _key(row.get("section"), row.get("claim"))
        seen[key] += 1
        if seen[key] == 2:
            found.append(f"{_place(root, number, row)} is there twice")
        if key in noted:
            found.append(f"{_place(root, number, row)} has a note in {noted[key]}; remove the entry")
    return found


def _key(section: Any, claim: Any) -> tuple[str, str]:
    return str(section), re.sub(r"\W+", " ", str(claim)).casefold().strip()
