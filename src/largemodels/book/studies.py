"""Studies: runs over many seeds or settings, too long for a chapter, whose rows are stored with the book.

A study is a script beside its chapter, ``notebooks/PART/CHAPTER_study.py``, run by ``make study``. Its rows lie
in ``data/studies/PART/CHAPTER.json`` with the hashes of the code that computed them. A chapter that loads rows
of code that has changed since gets an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ..files import aside
from ..paths import data_root, library_root
from . import provenance
from .provenance import file_hash


class StudyError(RuntimeError):
    """A study is missing or was computed by other code; the message says what to do."""


def script(name: str) -> Path:
    """The study's script in a checkout."""
    return library_root().parents[1] / "notebooks" / f"{name}_study.py"


def path(name: str) -> Path:
    """Where a study's rows are stored."""
    return data_root() / "studies" / f"{name}.json"


class Study:
    """Rows of a study that is being run; what is done is kept when it is interrupted.

    Args:
        name: of the chapter, "05_project/pretraining".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.code = file_hash(script(name))
        self._part = path(name).with_suffix(".part")
        self._part.parent.mkdir(parents=True, exist_ok=True)
        lines = self._part.read_text(encoding="utf-8").splitlines() if self._part.exists() else []
        self._done = [json.loads(line) for line in lines]
        self._rows: list[dict[str, Any]] = []
        self._library: dict[str, str] = {}

    def row(self, compute: Callable[..., dict[str, Any]], **key: Any) -> dict[str, Any]:
        """One row: the key and what ``compute(**key)`` returns, unless an interrupted run has it already."""
        for done in self._done:
            if done["key"] == key and done["code"] == self.code and _unchanged(done["library"]):
                row: dict[str, Any] = done["row"]
                print(f"{key}: done before")
                break
        else:
            row = key | compute(**key)
            done = {"key": key, "code": self.code, "library": provenance.loaded(), "row": row}
            with self._part.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done) + "\n")
            print(row)
        self._rows.append(row)
        # A row of an interrupted run needed files that this process may never import.
        self._library |= done["library"]
        return row

    def save(self) -> None:
        """Store the rows: written aside, then moved into place."""
        stored = {
            "study": self.name,
            "executed": date.today().isoformat(),
            "versions": provenance.versions(),
            "hashes": {"script": self.code, "library": dict(sorted(self._library.items()))},
            "rows": self._rows,
        }
        with aside(path(self.name)) as place:
            place.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        self._part.unlink(missing_ok=True)


def load(name: str) -> pd.DataFrame:
    """The rows of a study.

    Args:
        name: of the chapter, "05_project/pretraining".

    Raises:
        StudyError: if there are none, or the code that computed them has changed since.
    """
    if not path(name).exists():
        raise StudyError(f"The study {name} has not been run. Run: make study NAME={name}")
    stored = json.loads(path(name).read_text(encoding="utf-8"))
    changed = [file for file, old in stored["hashes"]["library"].items() if not _unchanged({file: old})]
    # An installed library has no notebooks beside it, and so no script that could differ.
    if script(name).exists() and file_hash(script(name)) != stored["hashes"]["script"]:
        changed.append(script(name).name)
    if changed:
        raise StudyError(f"{', '.join(changed)} changed since the study. Run: make study NAME={name}")
    return pd.DataFrame(stored["rows"])


def _unchanged(hashes: dict[str, str]) -> bool:
    """Whether all these library files still have these hashes."""
    root = library_root()
    return all((root / file).exists() and file_hash(root / file) == old for file, old in hashes.items())
