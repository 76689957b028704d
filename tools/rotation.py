"""Chapters run again at laptop scale against their records: stale ones in every test, the others in turn, weekly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools import execute, notebooks, records
from tools.notebooks import ROOT


def stale(root: Path = ROOT) -> list[str]:
    """Chapters whose record is not current."""
    return [chapter for chapter in notebooks.chapters(root) if records.staleness(chapter, root)]


def due(week: int, seconds: float = 1800, root: Path = ROOT) -> list[str]:
    """The week's group of the chapters whose record is current, which fills the seconds.

    The groups follow each other from week to week, so that each chapter's turn comes as often as any other's.
    """
    left = set(stale(root))
    current = [chapter for chapter in notebooks.chapters(root) if chapter not in left]
    groups = _groups({chapter: seconds_of(chapter, root) for chapter in current}, seconds)
    return groups[week % len(groups)] if groups else []


def differences(chapter: str, folder: Path, root: Path = ROOT) -> list[str]:
    """Run a chapter at laptop scale, its notebook left as it is; how claims and data differ from its record.

    Raises:
        execute.ExecutionError: if the run fails, as it does where a claim is outside its bounds.
    """
    record = records.load(chapter, root)
    if record is None:
        return [f"{chapter}: has no record; run make chapter CH={chapter}"]
    again = execute.run(chapter, folder=folder, root=root).record
    found = []
    for what in ("claims", "data"):
        old, new = _facts(record, what), _facts(again, what)
        found += [f"{chapter}: the record has {it}, the run has not" for it in old if it not in new]
        found += [f"{chapter}: the run has {it}, the record has not" for it in new if it not in old]
    return found


def _facts(record: dict[str, Any], what: str) -> list[str]:
    if what == "data":
        return [f"the data {name}" for name in record["data"]]
    return [f"the claim “{it['name']}” in [{it['low']:g}, {it['high']:g}]" for it in record["claims"]]


def seconds_of(chapter: str, root: Path = ROOT) -> float:
    """What a chapter took when its record was made; 90, the longest that is usual, where that is unknown."""
    try:
        record = records.load(chapter, root)
    except ValueError:
        record = None
    return float(record["seconds"]) if record else 90.0


def _groups(measured: dict[str, float], seconds: float) -> list[list[str]]:
    """Cut the chapters, in their order, into groups that each take at most the seconds, or one chapter."""
    groups: list[list[str]] = []
    spent = 0.0
    for chapter, cost in measured.items():
        if not groups or spent + cost > seconds:
            groups.append([])
            spent = 0.0
        groups[-1].append(chapter)
        spent += cost
    return groups
