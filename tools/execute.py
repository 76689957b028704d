"""Run chapters with papermill, in parallel over the cores, and write their outputs and records.

    python -m tools.execute --stale            the chapters whose record is out of date; with names, those of them
    python -m tools.execute --all              every chapter
    python -m tools.execute 05_project/pretraining …

Each notebook runs in a process of its own with one thread: two notebooks in parallel finish earlier than one after
the other with two threads, and one thread always adds numbers in the same order. Packages and data that the chapters
need are installed first where they are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from largemodels.book.setup import SetupError
from largemodels.data.registry import DataError

from . import failures, needs, notebooks, processes, records

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build" / "executed"
TIME_LIMIT = 1_800  # seconds a notebook may take, also on a busy computer; a chapter should stay below 90


class ExecutionError(RuntimeError):
    """A notebook failed; the message is one line that names chapter, cell and error."""


@dataclass(frozen=True)
class Run:
    """An executed notebook and what it noted."""

    notebook: Path  # with outputs, not yet normalised
    record: dict[str, Any]


def environment(scale: str, journal: Path | None = None) -> dict[str, str]:
    """Environment of a notebook's process: one thread, no hub, no progress bars."""
    settings = {
        "LARGEMODELS_SCALE": scale,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "HF_HUB_OFFLINE": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    if journal:
        settings["LARGEMODELS_JOURNAL"] = str(journal)
    return os.environ | settings


def run(
    chapter: str,
    scale: str = "laptop",
    folder: Path = BUILD,
    time_limit: float = TIME_LIMIT,
    root: Path = ROOT,
) -> Run:
    """Run one chapter from its first cell to its last, leaving its notebook as it is.

    Args:
        chapter: such as "05_project/pretraining".
        scale: "smoke", "laptop" or "gpu".
        folder: where the executed notebook goes.
        time_limit: seconds after which the run is stopped.
        root: of the book.

    Raises:
        ExecutionError: if a cell fails, a claim does not hold or the time is over.
    """
    source, output = notebooks.path_of(chapter, root), folder / f"{chapter}.ipynb"
    journal = output.with_suffix(".journal")
    output.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text("", encoding="utf-8")
    command = [sys.executable, "-m", "tools.papermill_one", str(source), str(output)]
    try:
        done = processes.run(command, ROOT, environment(scale, journal), time_limit)
    except subprocess.TimeoutExpired:
        raise ExecutionError(
            f"{chapter}: stopped after {time_limit:.0f} s, the limit for a notebook."
        ) from None
    if done.returncode:
        last = failures.last_error(done.stderr)
        raise ExecutionError(f"{chapter}: {last} (the notebook as far as it ran: {notebooks.where(output)})")
    try:
        record = _record(chapter, output, json.loads(done.stdout.splitlines()[-1]), root)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ExecutionError(
            f"{chapter}: what the run noted in {notebooks.where(journal)} cannot be read ({type(error).__name__}: "
            f"{failures.first_line(str(error))}); the notebook must not write to that file or close its output."
        ) from None
    return Run(output, record)


def _record(chapter: str, output: Path, measured: dict[str, float], root: Path) -> dict[str, Any]:
    journal = output.with_suffix(".journal")
    entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    started = [entry for entry in entries if "scale" in entry]
    used = next((entry for entry in reversed(entries) if "library" in entry), None)
    if not started or used is None:
        raise ExecutionError(f"{chapter}: the notebook does not call lm.start, or its kernel was killed.")
    record = {
        "chapter": chapter,
        "scale": started[-1]["scale"],
        "seed": started[-1]["seed"],
        "executed": date.today().isoformat(),
        "seconds": round(measured["seconds"], 1),
        "peak_memory_gb": round(measured["peak_memory_gb"], 2),
        "data": sorted({entry["data"] for entry in entries if "data" in entry}),
        "processor": used["processor"],
        "versions": used["versions"],
        "hashes": {
            "code": records.code_hash(notebooks.read(notebooks.path_of(chapter, root))),
            "outputs": records.outputs_hashes(notebooks.read(output)),
            "studies": {entry["study"]: entry["fingerprint"] for entry in entries if "study" in entry},
            "library": used["library"],
        },
        "claims": [entry["claim"] for entry in entries if "claim" in entry],
    }
    if wrong := records.wrong_fields(record):
        raise ValueError(f"no {wrong[0]}")
    return record


def store(chapter: str, done: Run) -> None:
    """Move a run's outputs into the chapter's notebook, then write its record.

    In this order an interruption between the two leaves a record that the checks find out of date.
    """
    notebooks.write(notebooks.path_of(chapter), notebooks.normalise(notebooks.read(done.notebook)))
    records.write(chapter, done.record)


def execute(chapters: list[str]) -> list[str]:
    """Run and store chapters; returns one line for each that failed."""
    failed = []
    with closing(processes.in_parallel(run, chapters)) as results:
        for number, (chapter, future) in enumerate(results, start=1):
            try:
                done = future.result()
            except ExecutionError as error:
                failed.append(str(error))
                print(f"[{number}/{len(chapters)}] failed: {error}", flush=True)
                continue
            store(chapter, done)
            print(f"[{number}/{len(chapters)}] {chapter}: {done.record['seconds']:.0f} s", flush=True)
    return failed


def announce(chapters: list[str]) -> None:
    """Print what will run and how long it took last time."""
    for chapter in chapters:
        record = records.load(chapter)
        last = f"{record['seconds']:.0f} s last time" if record else "for the first time"
        why = records.staleness(chapter)
        print(f"executing {chapter} ({last}){f': {why[0]}' if record and why else ''}", flush=True)


def main() -> None:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.execute", description="Run chapters at laptop scale."
    )
    parser.add_argument("chapter", nargs="*", help="such as 05_project/pretraining")
    parser.add_argument("--all", action="store_true", help="every chapter")
    parser.add_argument("--stale", action="store_true", help="the chapters whose record is out of date")
    asked = parser.parse_args()
    began = time.perf_counter()
    every = notebooks.chapters()
    if unknown := sorted(set(asked.chapter) - set(every)):
        sys.exit(f"There is no chapter {', '.join(unknown)}. Choose from: {', '.join(every)}.")
    chosen = every if asked.all or (asked.stale and not asked.chapter) else asked.chapter
    if asked.stale:
        chosen = [chapter for chapter in chosen if records.staleness(chapter)]
    announce(chosen)
    try:
        needs.provide(chosen)
    except (SetupError, DataError, ValueError) as error:
        sys.exit(str(error))
    if failed := execute(chosen):
        sys.exit("\n".join(failed))
    print(f"executed {len(chosen)} of {len(every)} chapters in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    processes.interruptible(main)
