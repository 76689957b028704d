"""Studies: runs over many seeds or settings, too long for a chapter, whose rows are stored with the book.

A study is a script beside its chapter, ``notebooks/PART/CHAPTER_study.py``, run by ``make study``. Its rows are stored
in ``data/studies/PART/CHAPTER.json`` with the hashes of the code that computed them. Loading rows whose code has
changed since raises an error; ``make verify`` recomputes some of the rows and, if they are equal, updates the hashes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..files import aside, flush, from_json, sha256, to_json
from ..paths import data_root, library_root
from . import provenance, recompute
from .journal import note
from .provenance import script_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .kept import Weights

TIMED = ("seconds", "core_seconds")  # columns that are timings


class StudyError(RuntimeError):
    """A study is missing or was computed by different code; the message says what to do."""


def _name(compute: Callable[..., Any]) -> str:
    """The name of a function that computes rows, also of one with arguments filled in."""
    return str(getattr(getattr(compute, "func", compute), "__qualname__", type(compute).__qualname__))


def best_inside(ladder: Sequence[float], first: Iterable[float], score: Callable[[float], Any]) -> float:
    """The value with the lowest score, after both its neighbours on a ladder have been tried.

    A best learning rate at the edge of those that were tried says only that too few were tried. So as long as a
    neighbour of the best is untried, it is tried, too.

    Args:
        ladder: all values that may be tried, in order.
        first: those tried at first; of equally good ones the one tried first is taken.
        score: computes the rows of a value and says how good they are; anything that can be compared.

    Raises:
        StudyError: if the best is an end of the ladder.
    """
    tried: dict[int, Any] = {}
    wanted = [ladder.index(value) for value in first]
    while wanted:
        tried |= {place: score(ladder[place]) for place in wanted}
        best = min(tried, key=tried.__getitem__)
        if best in (0, len(ladder) - 1):
            raise StudyError(
                f"The best of the values tried is {ladder[best]}, an end of the ladder: make it longer."
            )
        wanted = [place for place in (best - 1, best + 1) if place not in tried]
    return ladder[best]


def script(name: str) -> Path:
    """The study's script in a checkout."""
    return library_root().parents[1] / "notebooks" / f"{name}_study.py"


def path(name: str) -> Path:
    """Where a study's rows are stored."""
    return data_root() / "studies" / f"{name}.json"


class Study:
    """The rows of a study while it runs; finished rows survive an interruption.

    Args:
        name: of the chapter, such as "05_project/pretraining".
        timed: columns that hold timings and so differ from run to run; they are not compared when the study is
            verified.
    """

    def __init__(self, name: str, timed: Iterable[str] = TIMED) -> None:
        self.name, self.timed = name, list(timed)
        self.code = script_hash(script(name))
        self._again = recompute.asked()
        self._done: list[dict[str, Any]] = []  # finished rows, with what they used and kept
        self._kept: dict[str, dict[str, Any]] | None = None  # by the row that is being computed
        self._part = path(name).with_suffix(".part")
        self._part.parent.mkdir(parents=True, exist_ok=True)
        lines = self._part.read_text(encoding="utf-8").splitlines() if self._part.exists() else []
        self._before = [json.loads(line) for line in lines]

    def row(self, compute: Callable[..., dict[str, Any]], **key: Any) -> dict[str, Any]:
        """One row: the key and what ``compute(**key)`` returns, unless an interrupted run has it already."""
        if self._again:
            return self._again.row(compute, key)
        # Two functions may take the same arguments, such as a seed alone.
        same = [it for it in self._before if (it.get("function"), it["key"]) == (_name(compute), key)]
        done = next((it for it in same if self._usable(it)), None)
        if done is not None:
            print(f"{key}: done before")
        else:
            done = self._compute(compute, key)
            with self._part.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done) + "\n")
            print(done["row"])
        self._done.append(done)
        row: dict[str, Any] = done["row"]
        return row

    def _compute(self, compute: Callable[..., dict[str, Any]], key: dict[str, Any]) -> dict[str, Any]:
        # CPU time of this process, not affected by other work: verification picks the cheapest rows by it.
        self._kept, began = {}, time.process_time()
        try:
            row = key | compute(**key)
            seconds = time.process_time() - began
            return {
                "key": key,
                "function": _name(compute),
                "code": self.code,
                "row": row,
                "seconds": seconds,
                "kept": self._kept,
            } | used()
        finally:
            self._kept = None

    def _usable(self, done: dict[str, Any]) -> bool:
        """Whether a row of an interrupted run is still valid: same code and versions, kept weights intact."""
        versions: dict[str, str] = done.get("versions", {})
        here = provenance.installed(name for name in versions if name != "python")
        return (
            done["code"] == self.code
            and not provenance.changed(done["library"])
            and here.items() <= versions.items()
            and all(_is_there(self._beside(name), it) for name, it in done.get("kept", {}).items())
        )

    def keep(self, name: str, weights: nn.Module | dict[str, Tensor], config: Any = None) -> None:
        """Keep weights under this study's hashes, for a chapter to load with :func:`weights`.

        It belongs in the function that computes a row, so that an interrupted study knows whether it has them.

        Args:
            name: short, unique in the study.
            weights: a model or its state, at most 4 MB in half precision; integers, such as int8, are kept unchanged.
            config: a dataclass or a dictionary; None: the model's own ``config``.

        Raises:
            StudyError: outside of a row.
            largemodels.book.kept.WeightsError: if they are too large.
        """
        from . import kept

        if self._again:
            with tempfile.TemporaryDirectory() as folder:
                self._again.kept[name] = kept.write(Path(folder) / "kept", weights, config)["sha256"]
            return
        if self._kept is None:
            raise StudyError("Call keep in the function that computes a row.")
        self._kept[name] = kept.write(self._beside(name), weights, config)

    def _beside(self, name: str) -> Path:
        """Path of kept weights until the study is saved."""
        return _weights_path(self.name, name).with_suffix(".safetensors.part")

    def save(self) -> None:
        """Store the rows, under a temporary name that is then moved into place."""
        if self._again:
            self._again.save(script=self.code, timed=self.timed, processor=provenance.processor(), **used())
            return
        kept = {name: it for done in self._done for name, it in done.get("kept", {}).items()}
        for name in kept:
            self._beside(name).replace(_weights_path(self.name, name))
            flush(_weights_path(self.name, name).parent)
        stored = {
            "study": self.name,
            "executed": date.today().isoformat(),
            "processor": provenance.processor(),
            "versions": _union(self._done, "versions") | provenance.imported(),
            "data": sorted({name for done in self._done for name in done.get("data", [])}),
            # A row of an interrupted run needed files that this process may never import.
            "hashes": {"script": self.code, "library": dict(sorted(_union(self._done, "library").items()))},
            "timed": self.timed,
            "weights": {
                name: it | {"file": _weights_path(self.name, name).name} for name, it in kept.items()
            },
            "rows": [done["row"] for done in self._done],
            "seconds": [round(done["seconds"], 3) if "seconds" in done else None for done in self._done],
        }
        # The tolerance for rounding is a property of the study, which a rerun does not change.
        if path(self.name).exists() and "tolerance" in (before := read(self.name)):
            stored["tolerance"] = before["tolerance"]
        store(self.name, stored)
        self._part.unlink(missing_ok=True)


def used() -> dict[str, Any]:
    """What this process has used so far: ``library``, ``versions`` and ``data``."""
    registry = sys.modules.get(f"{__package__.partition('.')[0]}.data.registry")
    data = sorted(registry.used) if registry else []
    return {"library": provenance.loaded(), "versions": provenance.imported(), "data": data}


def _union(done: list[dict[str, Any]], name: str) -> dict[str, str]:
    return {key: value for one in done for key, value in one.get(name, {}).items()}


def _is_there(place: Path, kept: dict[str, Any]) -> bool:
    return place.exists() and sha256(place) == kept["sha256"]


def _weights_path(study: str, name: str) -> Path:
    from .kept import file_name

    return data_root() / "weights" / file_name(study, name)


def store(name: str, stored: dict[str, Any]) -> None:
    """Write a study's file, under a temporary name that is then moved into place."""
    last = {key: stored[key] for key in ("seconds", "rows") if key in stored}  # long, so at the end
    text = to_json({key: value for key, value in stored.items() if key not in last} | last, indent=1)
    with aside(path(name)) as place:
        place.write_text(text + "\n", encoding="utf-8")


def read(name: str) -> dict[str, Any]:
    """A study's file as it is.

    Raises:
        StudyError: if there is none, or it cannot be read.
    """
    if not path(name).exists():
        raise StudyError(f"The study {name} has not been run. Run: make study NAME={name}")
    try:
        stored: dict[str, Any] = from_json(path(name).read_text(encoding="utf-8"))
        whole = "rows" in stored and {"library", "script"} <= stored["hashes"].keys()
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StudyError(f"The rows of the study {name} cannot be read. Run: make study NAME={name}")
    return stored


def changes(name: str, stored: dict[str, Any]) -> list[str]:
    """The code files that have changed since a study was run or verified."""
    changed = provenance.changed(stored["hashes"]["library"])
    # An installed library has no notebooks beside it, and so no script that could differ.
    if script(name).exists() and script_hash(script(name)) != stored["hashes"]["script"]:
        changed.append(script(name).name)
    return changed


def fingerprint(stored: dict[str, Any]) -> str:
    """A hash of what a chapter gets from a study: rows and kept weights."""
    given = [stored["rows"], {name: it["sha256"] for name, it in stored.get("weights", {}).items()}]
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def load(name: str) -> pd.DataFrame:
    """The rows of a study.

    Package versions may differ from those that it was run with: readers have their own.

    Args:
        name: of the chapter, "05_project/pretraining".

    Raises:
        StudyError: if there are none, or the code that computed them has changed since.
    """
    return pd.DataFrame(_current(name)["rows"])


def weights(name: str, kept: str) -> Weights:
    """Weights that a study kept, checked; fetched once where the library is installed without a checkout.

    Args:
        name: of the study, "05_project/pretraining".
        kept: what :meth:`Study.keep` called them.

    Raises:
        StudyError: if there are none, or the code that computed them has changed since.
        largemodels.book.kept.WeightsError: if the file is missing or damaged, and cannot be fetched.
    """
    from .kept import find, read

    found = _current(name).get("weights", {})
    if kept not in found:
        there = f"It kept: {', '.join(found)}." if found else "It kept none."
        raise StudyError(f"The study {name} has no weights {kept!r}. {there}")
    return read(find(name, kept, found[kept]["sha256"]))


def _current(name: str) -> dict[str, Any]:
    """A study's file, if its code is unchanged; the chapter's record notes it."""
    stored = read(name)
    if changed := changes(name, stored):
        raise StudyError(
            f"{', '.join(changed)} changed since the study. Run: make verify NAME={name}, which computes a few rows "
            f"again, or make study NAME={name}, which computes all"
        )
    note(study=name, fingerprint=fingerprint(stored))
    return stored
