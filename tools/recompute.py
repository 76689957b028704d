"""Compute a few rows of a study again and compare them with the stored ones.

On the processor where they were recorded the rows must be equal to the last digit, on another one within the tolerance
that was measured for the study; times are not compared. A study that differs is left as it is.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from largemodels.book import kept, provenance, studies
from largemodels.book.recompute import PLAN
from tools import execute, failures, processes
from tools.notebooks import ROOT

N_CHEAPEST, N_RANDOM = 2, 2
N_REMEMBERED = 12  # verifications that a study's file lists
# Instructions of an older processor, which round in another order, for PyTorch's own kernels, oneDNN's and MKL's.
OLDER = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
FACTOR = 10  # a tolerance is this multiple of the difference between this processor and an older one
UNKNOWN = "unknown"  # processor of rows that were stored before it was written down


class Difference(RuntimeError):
    """Changed code gives different rows, or none; the message says which."""


@dataclass(frozen=True)
class Verified:
    """A study whose chosen rows are equal."""

    rows: list[int]
    how: str  # "equal to the last digit" or "within the tolerance"
    seconds: float  # of one core


def costs(stored: Mapping[str, Any]) -> list[float | None]:
    """Seconds of one core that each row took, as far as they are known.

    A column of the rows takes precedence: it was measured in one run, on a machine whose load did not change.
    """
    rows = stored["rows"]
    measured = stored.get("seconds") or [None] * len(rows)
    return [
        row.get("core_seconds", row.get("seconds", seconds))
        for row, seconds in zip(rows, measured, strict=True)
    ]


def choose(stored: Mapping[str, Any], seed: str) -> list[int]:
    """Numbers of the rows to compute: the two cheapest, and two drawn from the others.

    A row whose cost is not known yet never counts as one of the cheapest; more rows are drawn instead.
    """
    seconds = costs(stored)
    known = sorted((cost, number) for number, cost in enumerate(seconds) if cost is not None)
    cheapest = [number for _, number in known[:N_CHEAPEST]]
    others = [number for number in range(len(seconds)) if number not in cheapest]
    n_drawn = min(N_CHEAPEST + N_RANDOM - len(cheapest), len(others))
    return sorted(cheapest + random.Random(f"{seed} {stored['study']}").sample(others, n_drawn))


def run(name: str, chosen: list[int], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Compute rows in a process of their own, on one thread; the report of `largemodels.book.recompute`.

    Raises:
        Difference: if the script fails, or asks for rows other than the stored ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        plan, report = Path(folder) / "plan.json", Path(folder) / "report.json"
        rows = studies.read(name)["rows"]
        plan.write_text(json.dumps({"rows": rows, "chosen": chosen, "report": str(report)}), encoding="utf-8")
        settings = execute.environment("laptop") | dict(environment or {}) | {PLAN: str(plan)}
        command = [sys.executable, str(studies.script(name))]
        done = processes.run(command, ROOT, settings)
        if done.returncode or not report.exists():
            last = failures.last_error(done.stderr, "the script does not save its rows")
            raise Difference(last.removeprefix("largemodels.book.recompute.OtherRows: "))
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def differences(
    stored: Mapping[str, Any],
    row: Mapping[str, Any],
    timed: list[str],
    tolerance: Mapping[str, float] | None = None,
) -> list[str]:
    """Columns in which a row differs from the stored one, each with both values.

    Args:
        stored: the row as it is stored.
        row: the row computed again.
        timed: columns that are not compared.
        tolerance: largest differences of numbers, by column; none for a column that is not named. None: no difference.
    """
    found = []
    for name in dict.fromkeys([*stored, *row]):
        old, new = stored.get(name), row.get(name)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
        if name in timed or old == new or (numbers and math.isnan(old) and math.isnan(new)):  # type: ignore[arg-type]
            continue
        if tolerance is not None and numbers and abs(old - new) <= tolerance.get(name, 0):  # type: ignore[operator]
            continue
        found.append(f"{name} is {new!r}, but {old!r} is stored")
    return found


def compare(stored: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """How the rows of a report are equal to the stored ones.

    Raises:
        Difference: naming the first row that is not.
    """
    timed = report["timed"]
    pairs = {it["number"]: (stored["rows"][it["number"]], it["row"]) for it in report["rows"]}
    found = {number: differences(*pair, timed) for number, pair in pairs.items()}
    for name, checksum in report["kept"].items():
        known = stored.get("weights", {}).get(name)
        if not known or checksum != kept.content(kept.find(stored["study"], name, known["sha256"])):
            found[-1] = [f"the weights {name!r} differ from the stored ones"]
    if not any(found.values()):
        return "equal to the last digit"
    if stored.get("processor", UNKNOWN) != report["processor"] and "tolerance" in stored:
        columns = stored["tolerance"]["columns"]
        found = {number: differences(*pair, timed, columns) for number, pair in pairs.items()}
        if not any(found.values()):
            return "within the tolerance"
    number, faults = next((number, faults) for number, faults in sorted(found.items()) if faults)
    raise Difference(f"{f'row {number}: ' if number >= 0 else ''}{'; '.join(faults)}")


def renewed(
    stored: Mapping[str, Any], report: Mapping[str, Any], how: str, seed: str, changed: list[str]
) -> dict[str, Any]:
    """A study's file after its rows were found to be equal.

    Args:
        stored: the file before.
        report: on the rows computed.
        how: they are equal.
        seed: which drew the rows.
        changed: what had changed.
    """
    root = provenance.library_root()
    # A row that was not computed now may have used files and packages that the others do not.
    old = [it for it in stored["hashes"]["library"] if it not in provenance.HARMLESS and (root / it).exists()]
    library = {name: provenance.file_hash(root / name) for name in old} | report["library"]
    versions = provenance.installed(stored["versions"]) if "processor" in stored else {}
    seconds = [*(stored.get("seconds") or [None] * len(stored["rows"]))]
    for it in report["rows"]:
        if seconds[it["number"]] is None:
            seconds[it["number"]] = round(it["seconds"], 3)
    exact, recorded = how == "equal to the last digit", stored.get("processor", UNKNOWN)
    entry = {
        "on": date.today().isoformat(),
        "processor": report["processor"],
        "rows": [it["number"] for it in report["rows"]],
        "seed": seed,
        "how": how,
        "changed": changed,
    }
    return dict(stored) | {
        "processor": report["processor"] if exact and recorded == UNKNOWN else recorded,
        "versions": versions | report["versions"],
        "data": sorted({*_names(stored.get("data", []), report["data"]), *report["data"]}),
        "hashes": {"script": report["script"], "library": dict(sorted(library.items()))},
        "timed": report["timed"],
        "seconds": seconds,
        "verified": [*stored.get("verified", []), entry][-N_REMEMBERED:],
    }


def _names(old: list[str], new: list[str]) -> list[str]:
    """Data that was read before but not now; what was read now is listed with its new version."""
    read = {name.rpartition(" ")[0] for name in new}
    return [name for name in old if name.rpartition(" ")[0] not in read]


def verify(name: str, seed: str, changed: list[str]) -> Verified:
    """Compute rows of a study, and renew its hashes if they are equal.

    Raises:
        Difference: if they are not; the file stays as it is.
    """
    stored = studies.read(name)
    report = run(name, choose(stored, seed))
    how = compare(stored, report)
    studies.store(name, renewed(stored, report, how, seed, changed))
    return Verified([it["number"] for it in report["rows"]], how, sum(it["seconds"] for it in report["rows"]))


def measure_tolerance(name: str, seed: str) -> dict[str, Any]:
    """Measure how far a study's numbers change with the order in which they are rounded, and store it.

    Rows are chosen as for a verification, and computed twice: as usual, and with the instructions of an older
    processor. The tolerance of a column is ten times its largest difference.

    Raises:
        Difference: if the script fails, or asks for rows other than the stored ones.
    """
    stored = studies.read(name)
    chosen = choose(stored, seed)
    usual, older = run(name, chosen), run(name, chosen, OLDER)
    columns: dict[str, float] = {}
    for one, other in zip(usual["rows"], older["rows"], strict=True):
        for column, value in one["row"].items():
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and column not in usual["timed"]
            ):
                difference = FACTOR * abs(value - other["row"][column])
                columns[column] = max(columns.get(column, 0.0), difference)
    stored["tolerance"] = {
        "columns": {column: value for column, value in columns.items() if value > 0},
        "factor": FACTOR,
        "rows": chosen,
        "on": date.today().isoformat(),
        "how": f"{usual['processor']}, against {' '.join(f'{key}={value}' for key, value in OLDER.items())}",
    }
    studies.store(name, stored)
    tolerance: dict[str, Any] = stored["tolerance"]
    return tolerance
