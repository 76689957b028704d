"""Studies as files: which there are, and whether their rows are up to date."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from largemodels.book import studies as library
from largemodels.files import from_json
from tools import pins
from tools.notebooks import ROOT, chapters

SUFFIX = "_study.py"


def names(root: Path = ROOT) -> list[str]:
    """Names of all studies, in order, by their scripts."""
    files = sorted(root.glob(f"notebooks/[0-9][0-9]_*/*{SUFFIX}"))
    return [f"{file.parent.name}/{file.name.removesuffix(SUFFIX)}" for file in files]


def load(name: str, root: Path = ROOT) -> dict[str, Any] | None:
    """A study's file, None where there is none that can be read."""
    try:
        stored: dict[str, Any] = from_json((root / "data" / "studies" / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stored


def fingerprint(name: str, root: Path = ROOT) -> str:
    """A hash of what chapters get from a study, empty where there is none."""
    stored = load(name, root)
    return library.fingerprint(stored) if stored else ""


def staleness(name: str) -> list[str]:
    """Why a study is out of date; empty if it is up to date."""
    try:
        stored = library.read(name)
    except library.StudyError as error:
        return [str(error)]
    if "processor" not in stored:  # an older format, with the versions of all packages
        return [f"{it} changed" for it in library.changes(name, stored)] or ["its file has an older format"]
    used = pins.changes(stored["versions"], stored["data"])
    return [f"{it} changed" for it in library.changes(name, stored)] + used


def problems(root: Path = ROOT) -> list[str]:
    """Rows without a script, and kept weights that no study names or that are too large."""
    return orphans(root) + weights_problems(root)


def weights_problems(root: Path = ROOT) -> list[str]:
    """What is wrong with the weights that studies keep: unnamed, missing, or too large for a chapter or the book."""
    from largemodels.book.kept import BYTES_OF_A_CHAPTER, BYTES_OF_THE_BOOK, file_name

    folder, found, sizes = root / "data" / "weights", [], Counter[str]()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    named = set()
    for study in names(root):
        for name in (load(study, root) or {}).get("weights", {}):
            named.add(file := file_name(study, name))
            if file in there:
                # A chapter can have several studies: "01_history/rnn_and_lstm_copy", "…_words".
                owner = max((it for it in chapters(root) if study.startswith(it)), key=len, default=study)
                sizes[owner] += (folder / file).stat().st_size
    found += [f"data/weights/{file}: no study names it; delete it" for file in sorted(there - named)]
    found += [f"data/weights/{file}: missing; restore it or run its study" for file in sorted(named - there)]
    for owner, size in [*sizes.items(), ("the book", sizes.total())]:
        most = BYTES_OF_THE_BOOK if owner == "the book" else BYTES_OF_A_CHAPTER
        if size > most:
            found.append(f"data/weights: {owner} keeps {size / 1e6:.1f} MB; {most / 1e6:.0f} MB at most")
    return found


def orphans(root: Path = ROOT) -> list[str]:
    """Rows whose script is gone."""
    found = sorted(root.glob("data/studies/*/*.json"))
    known = {root / "data" / "studies" / f"{name}.json" for name in names(root)}
    return [
        f"{file.relative_to(root)}: there is no such study; delete the file"
        for file in found
        if file not in known
    ]
