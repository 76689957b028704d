"""Which chapters the tests run at laptop scale on a given day."""

from __future__ import annotations

from pathlib import Path

from tools import notebooks, records
from tools.notebooks import ROOT


def due(day: int, seconds: float = 300, root: Path = ROOT) -> list[str]:
    """Chapters whose record is not current, and a group of the others that fills the seconds.

    The groups follow each other from day to day, so that each chapter's turn comes as often as any other's.
    """
    chapters = notebooks.chapters(root)
    stale = [chapter for chapter in chapters if records.staleness(chapter, root)]
    current = [chapter for chapter in chapters if chapter not in stale]
    groups = _groups({chapter: _seconds(chapter, root) for chapter in current}, seconds)
    return stale + (groups[day % len(groups)] if groups else [])


def _seconds(chapter: str, root: Path) -> float:
    record = records.load(chapter, root)
    return float(record["seconds"]) if record else 0.0


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
