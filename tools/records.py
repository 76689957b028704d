"""Records of the chapters' runs: where they are, whether they are sound, whether they are still current.

A record is sound when the notebook's own code and printed claims are those of the record. It is current
when, besides, neither the library nor the pins have changed since; if not, the tests run the chapter again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from largemodels.book import provenance
from largemodels.book.claims import MARK, claim_line
from tools import notebooks
from tools.notebooks import ROOT, tags, where

FIELDS: dict[str, type | tuple[type, ...]] = {
    "chapter": str, "scale": str, "seed": int, "executed": str, "seconds": (int, float),
    "peak_memory_gb": (int, float), "data": list, "versions": dict, "hashes": dict, "claims": list,
}  # fmt: skip
CLAIM = {"name", "value", "low", "high", "unit"}  # and, where it is known, "spread": low, high, seeds


def path(chapter: str, root: Path = ROOT) -> Path:
    """Where a chapter's record is."""
    return root / "data" / "records" / f"{chapter}.json"


def load(chapter: str, root: Path = ROOT) -> dict[str, Any] | None:
    """A chapter's record, None where there is none; ValueError where it is not one."""
    file = path(chapter, root)
    if not file.exists():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    wrong = _wrong_fields(record) if isinstance(record, dict) else ["all"]
    if wrong:
        raise ValueError(f"{where(file)}: {wrong[0]} is missing or wrong; run make chapter CH={chapter}")
    return record


def _wrong_fields(record: dict[str, Any]) -> list[str]:
    wrong = [name for name, kind in FIELDS.items() if not isinstance(record.get(name), kind)]
    if not wrong and not {"code", "pins", "library"} <= record["hashes"].keys():
        wrong.append("hashes")
    if not wrong and any(
        not isinstance(it, dict) or it.keys() - {"spread"} != CLAIM for it in record["claims"]
    ):
        wrong.append("claims")
    return wrong


def write(chapter: str, record: dict[str, Any], root: Path = ROOT) -> None:
    """Write a chapter's record."""
    file = path(chapter, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    notebooks.replace(file, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def load_all(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The records of all chapters that have one, in the order of the chapters."""
    found = {name: load(name, root) for name in notebooks.chapters(root)}
    return {name: record for name, record in found.items() if record is not None}


def orphans(root: Path = ROOT) -> list[str]:
    """Records whose notebook is gone."""
    known = {path(chapter, root) for chapter in notebooks.chapters(root)}
    files = sorted(root.glob("data/records/**/*.json"))
    return [f"{where(file)}: no such chapter; delete it" for file in files if file not in known]


def code_hash(notebook: NotebookNode) -> str:
    """Hash of a notebook's code cells in order, without the set-up cell, which publishing changes."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and "setup" not in tags(cell)]
    return _digest(provenance.code_hash(cell.source) for cell in code)


def pins_hash(root: Path = ROOT) -> str:
    """Hash of what notebooks run with: pinned packages and data packages."""
    texts = [(root / name).read_text("utf-8") for name in ("requirements/notebooks.txt", "data/packages.txt")]
    lines = [line.partition("#")[0].strip() for text in texts for line in text.splitlines()]
    return _digest(line for line in lines if line)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def hashes(chapter: str, root: Path = ROOT) -> dict[str, str]:
    """The hashes of a record, without those of the library files that only the run knows."""
    notebook = notebooks.read(notebooks.path_of(chapter, root))
    return {"code": code_hash(notebook), "pins": pins_hash(root)}


def staleness(chapter: str, root: Path = ROOT) -> list[str]:
    """Why a chapter's record is not current; empty where it is."""
    try:
        record = load(chapter, root)
    except ValueError as error:
        return [str(error)]
    if record is None:
        return ["no record"]
    old, now = record["hashes"], hashes(chapter, root)
    names = {"code": "the notebook's code changed", "pins": "the pinned packages changed"}
    reasons = [reason for name, reason in names.items() if old[name] != now[name]]
    for name, value in old["library"].items():
        file = provenance.library_root() / name
        if not file.exists():
            reasons.append(f"the library's {name} is gone")
        elif provenance.file_hash(file) != value:
            reasons.append(f"the library's {name} changed")
    return reasons


def check(chapter: str, root: Path = ROOT) -> list[str]:
    """What in a record does not fit its notebook; changes of library and pins are left to `staleness`."""
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
    if record["hashes"]["code"] != code_hash(notebook):
        found.append("the notebook's code changed since its record")
    return [f"{place}: {it}; {again}" for it in found + _claims(notebook, record["claims"])]


def printed_claims(notebook: NotebookNode) -> list[str]:
    """The lines that claims have printed in a notebook's stored outputs."""
    lines: list[str] = []
    for cell in notebook.cells:
        printed = [output.text for output in cell.get("outputs", []) if output.get("name") == "stdout"]
        lines += "".join(printed).splitlines()
    return [line for line in lines if line.startswith(MARK)]


def _line(claim: dict[str, Any]) -> str:
    return claim_line(**{name: claim[name] for name in CLAIM})


def _claims(notebook: NotebookNode, claims: list[dict[str, Any]]) -> list[str]:
    found = []
    names = Counter(claim["name"] for claim in claims)
    found += [f"the claim “{name}” is there {count} times" for name, count in names.items() if count > 1]
    for claim in claims:
        if not claim["low"] <= claim["value"] <= claim["high"]:
            found.append(f"the claim “{claim['name']}” is outside its bounds")
    recorded, printed = Counter(_line(claim) for claim in claims), Counter(printed_claims(notebook))
    found += [f"“{line}” is recorded and not printed" for line in recorded - printed]
    return found + [f"“{line}” is printed and not recorded" for line in printed - recorded]
