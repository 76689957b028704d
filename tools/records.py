"""Records of the chapters' runs: where they are, whether they match their notebooks, whether they are up to date.

A record matches its notebook if the notebook's code, printed claims and outputs are those of the record. It is up to
date if, in addition, nothing that the run used has changed since: library files, pinned packages, data, rows of
studies. If it is not, `make book` executes the chapter again, and `make verify` checks whether its claims are still
the same.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from largemodels.book import provenance
from largemodels.book.claims import MARK, OUTSIDE, claim_line
from largemodels.files import from_json, to_json
from tools import notebooks, pins, studies
from tools.notebooks import ROOT, tags, where

FIELDS: dict[str, type | tuple[type, ...]] = {
    "chapter": str, "scale": str, "seed": int, "executed": str, "seconds": (int, float),
    "peak_memory_gb": (int, float), "data": list, "versions": dict, "hashes": dict, "claims": list,
}  # fmt: skip
CLAIM = {"name", "value", "low", "high", "unit"}
# "timed" if the value depends on the clock; "spread" (low, high, seeds) if it is known
MORE_OF_CLAIM = {"timed", "spread"}


def path(chapter: str, root: Path = ROOT) -> Path:
    """Where a chapter's record is."""
    return root / "data" / "records" / f"{chapter}.json"


def load(chapter: str, root: Path = ROOT) -> dict[str, Any] | None:
    """A chapter's record, None if there is none; ValueError if the file is not a record."""
    file = path(chapter, root)
    if not file.exists():
        return None
    try:
        record = from_json(file.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    wrong = wrong_fields(record) if isinstance(record, dict) else ["the JSON"]
    if wrong:
        raise ValueError(f"{where(file)}: {wrong[0]} is missing or wrong; run make chapter CH={chapter}")
    return record


def wrong_fields(record: dict[str, Any]) -> list[str]:
    """The fields of a record that are missing or of the wrong kind."""
    wrong = [name for name, kind in FIELDS.items() if not isinstance(record.get(name), kind)]
    if not wrong and not {"code", "library"} <= record["hashes"].keys():
        wrong.append("hashes")
    if not wrong and any(
        not isinstance(it, dict) or it.keys() - MORE_OF_CLAIM != CLAIM for it in record["claims"]
    ):
        wrong.append("claims")
    return wrong


def write(chapter: str, record: dict[str, Any], root: Path = ROOT) -> None:
    """Write a chapter's record."""
    file = path(chapter, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    notebooks.replace(file, to_json(record, indent=2, ensure_ascii=False) + "\n")


def load_all(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The records of all chapters that have one, in the order of the chapters."""
    found = {name: load(name, root) for name in notebooks.chapters(root)}
    return {name: record for name, record in found.items() if record is not None}


def orphans(root: Path = ROOT) -> list[str]:
    """Records whose notebook is gone."""
    known = {path(chapter, root) for chapter in notebooks.chapters(root)}
    files = sorted(root.glob("data/records/**/*.json"))
    return [
        f"{where(file)}: there is no such chapter; delete the record" for file in files if file not in known
    ]


def code_hash(notebook: NotebookNode) -> str:
    """Hash of a notebook's code cells in order, without the set-up cell, which publishing changes."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and "setup" not in tags(cell)]
    return _digest(provenance.code_hash(cell.source) for cell in code)


def outputs_hashes(notebook: NotebookNode) -> list[str]:
    """Hashes of the outputs of a notebook's code cells, in their order and normal form; empty for none."""
    cells = [cell for cell in notebooks.normalise(notebook).cells if cell.cell_type == "code"]
    return [_digest([json.dumps(cell.outputs, sort_keys=True)]) if cell.outputs else "" for cell in cells]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def staleness(chapter: str, root: Path = ROOT) -> list[str]:
    """Why a chapter's record is out of date; empty if it is up to date."""
    try:
        record = load(chapter, root)
    except ValueError as error:
        return [str(error)]
    if record is None:
        return ["no record"]
    return own_changes(chapter, record, root) or used_changes(record, root)


def own_changes(chapter: str, record: dict[str, Any], root: Path = ROOT) -> list[str]:
    """Code or outputs of the notebook that differ from its record; only a new run can correct this."""
    notebook = notebooks.read(notebooks.path_of(chapter, root))
    if record["hashes"]["code"] != code_hash(notebook):
        return ["the notebook's code changed"]
    recorded = record["hashes"].get("outputs")
    if recorded is None:
        return ["its record has an older format"]
    return [
        f"the output of cell {cell} is not the recorded one" for cell in _other_outputs(notebook, recorded)
    ]


def _other_outputs(notebook: NotebookNode, recorded: list[str]) -> list[int]:
    """Cells whose outputs are not the recorded ones; cells count from 0, Markdown and code together."""
    # The normal form leaves out empty cells.
    cells = ((it, cell) for it, cell in enumerate(notebook.cells) if cell.source.strip())
    numbers = [it for it, cell in cells if cell.cell_type == "code"]
    return [
        number
        for number, now, then in itertools.zip_longest(numbers, outputs_hashes(notebook), recorded)
        if number is not None and now != then
    ]


def used_changes(record: dict[str, Any], root: Path = ROOT) -> list[str]:
    """What a run used that has changed since; the numbers may still be the same."""
    changed = provenance.changed(record["hashes"]["library"])
    library = provenance.library_root()
    reasons = [f"the library's {it} {'changed' if (library / it).exists() else 'is gone'}" for it in changed]
    reasons += pins.changes(record["versions"], record["data"], root)
    for name, old in record["hashes"].get("studies", {}).items():
        if studies.fingerprint(name, root) != old:
            reasons.append(f"the rows of the study {name} changed")
    return reasons


def check(chapter: str, root: Path = ROOT) -> list[str]:
    """Where a record does not match its notebook; changes of what the run used are left to `staleness`."""
    place, again = where(path(chapter, root)), f"run make chapter CH={chapter}"
    try:
        record = load(chapter, root)
    except ValueError as error:
        return [str(error)]
    if record is None:
        return [f"{place}: missing; {again}"]
    notebook = notebooks.read(notebooks.path_of(chapter, root))
    found = []
    for name, value in {"chapter": chapter, "scale": "laptop"}.items():
        if record[name] != value:
            found.append(f"{name} is {record[name]!r}, not {value!r}")
    found += own_changes(chapter, record, root)
    return [f"{place}: {it}; {again}" for it in found + _claims(notebook, record["claims"])]


def printed_claims(notebook: NotebookNode) -> list[str]:
    """The lines that claims have printed in a notebook's stored outputs."""
    lines: list[str] = []
    for cell in notebook.cells:
        printed = [output.text for output in cell.get("outputs", []) if output.get("name") == "stdout"]
        lines += "".join(printed).splitlines()
    return [line for line in lines if line.startswith(MARK)]


def explored(notebook: NotebookNode) -> list[int]:
    """Numbers of the cells whose outputs show a claim outside its bounds, from a run with LARGEMODELS_EXPLORE."""
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if any(line.endswith(OUTSIDE) for line in printed_claims(NotebookNode(cells=[cell])))
    ]


def _line(claim: dict[str, Any]) -> str:
    return claim_line(**{name: claim[name] for name in CLAIM})


def _claims(notebook: NotebookNode, claims: list[dict[str, Any]]) -> list[str]:
    found = []
    names = Counter(claim["name"] for claim in claims)
    found += [f"the claim “{name}” appears {count} times" for name, count in names.items() if count > 1]
    for claim in claims:
        if not claim["low"] <= claim["value"] <= claim["high"]:
            found.append(f"the claim “{claim['name']}” is outside its bounds")
    recorded, printed = Counter(_line(claim) for claim in claims), Counter(printed_claims(notebook))
    found += [f"“{line}” is recorded but not printed" for line in recorded - printed]
    return found + [f"“{line}” is printed but not recorded" for line in printed - recorded]
