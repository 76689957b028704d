"""Chapters to run again at laptop scale and compare with their records: stale ones in each test, others weekly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools import execute, notebooks, records
from tools.notebooks import ROOT


def stale(root: Path = ROOT) -> list[str]:
    """Chapters whose record is out of date."""
    return [chapter for chapter in notebooks.chapters(root) if records.staleness(chapter, root)]


def due(week: int, seconds: float = 1800, root: Path = ROOT) -> list[str]:
    """This week's group of the chapters whose record is up to date, as many as fit into the seconds.

    The groups take turns from week to week, so that every chapter is run equally often.
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
        found += [f"{chapter}: only the record has {it}" for it in old if it not in new]
        found += [f"{chapter}: only the run has {it}" for it in new if it not in old]
    return found


def _facts(record: dict[str, Any], what: str) -> list[str]:
    if what == "data":
        return [f"the data {name}" for name in record["data"]]
    return [f"the claim “{it['name']}” in [{it['low']:g}, {it['high']:g}]" for it in record["claims"]]


def seconds_of(chapter: str, root: Path = ROOT) -> float:
    """How many seconds a chapter took when its record was made; if that is unknown 90, the usual limit."""
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
