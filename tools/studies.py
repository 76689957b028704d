"""Studies as files: which there are, and whether their rows are still current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from largemodels.book import studies as library
from tools import pins
from tools.notebooks import ROOT

SUFFIX = "_study.py"


def names(root: Path = ROOT) -> list[str]:
    """Names of all studies, in order, by their scripts."""
    files = sorted(root.glob(f"notebooks/[0-9][0-9]_*/*{SUFFIX}"))
    return [f"{file.parent.name}/{file.name.removesuffix(SUFFIX)}" for file in files]


def load(name: str, root: Path = ROOT) -> dict[str, Any] | None:
    """A study's file, None where there is none that can be read."""
    try:
        stored: dict[str, Any] = json.loads((root / "data" / "studies" / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stored


def fingerprint(name: str, root: Path = ROOT) -> str:
    """A hash of what chapters get from a study, empty where there is none."""
    stored = load(name, root)
    return library.fingerprint(stored) if stored else ""


def staleness(name: str) -> list[str]:
    """Why a study is not current; empty where it is."""
    try:
        stored = library.read(name)
    except library.StudyError as error:
        return [str(error)]
    if "processor" not in stored:  # of an older form, with the versions of all packages
        return [f"{it} changed" for it in library.changes(name, stored)] or ["its file is of an older form"]
    used = pins.changes(stored["versions"], stored["data"])
    return [f"{it} changed" for it in library.changes(name, stored)] + used


def orphans(root: Path = ROOT) -> list[str]:
    """Rows whose script is gone."""
    found = sorted(root.glob("data/studies/*/*.json"))
    known = {root / "data" / "studies" / f"{name}.json" for name in names(root)}
    return [f"{file.relative_to(root)}: no such study; delete it" for file in found if file not in known]
