"""Check that changed code still gives the numbers that the book shows, without computing all of them again.

    python -m tools.verify                       every study and chapter that is out of date
    python -m tools.verify 05_project/pretraining …    these studies and chapters, out of date or not
    python -m tools.verify --dry-run             what would run, and about how long
    python -m tools.verify --rerun               and compute in full what differs
    python -m tools.verify --measure-tolerance 05_project/pretraining

Of a study, its two cheapest rows and two drawn at random are computed again, see `tools.recompute`. A chapter is
executed and its claims are compared. If nothing differs, the hashes are renewed, and the study or the record says what
was verified and when. A chapter whose own code or outputs changed is not verified: `make book` executes it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date
from typing import Any

from largemodels.book import provenance
from largemodels.book import studies as stored_studies
from largemodels.book.setup import SetupError
from largemodels.data.registry import DataError
from tools import execute, needs, notebooks, processes, recompute, records, studies
from tools.failures import last_error
from tools.recompute import Difference
from tools.wording import counted


def verify_study(name: str, seed: str) -> str:
    """Verify one study; what was found, in one line.

    Raises:
        Difference: if rows differ.
    """
    done = recompute.verify(name, seed, studies.staleness(name))
    rows = ", ".join(map(str, done.rows))
    return f"rows {rows} {done.how} ({done.seconds:.0f} s)"


def claims_that_differ(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Claims of a run that differ from those of the record, each with both values.

    On a processor other than the record's only the bounds count, which the run has already checked. The same is true of
    claims that depend on the clock.
    """
    before, now = ({claim["name"]: claim for claim in record["claims"]} for record in (old, new))
    found = [f"the claim “{name}” is in only one of the two runs" for name in before.keys() ^ now.keys()]
    elsewhere = old.get("processor") != new["processor"]
    for name in before.keys() & now.keys():
        one, other = before[name], now[name]
        if (one["low"], one["high"], one["unit"]) != (other["low"], other["high"], other["unit"]):
            found.append(f"the claim “{name}” has different bounds")
        elif one["value"] != other["value"] and not (elsewhere or other.get("timed")):
            found.append(f"the claim “{name}” is {other['value']!r}, but {one['value']!r} is recorded")
    return found


def renewed(old: dict[str, Any], new: dict[str, Any], changed: list[str]) -> dict[str, Any]:
    """The record after a run whose claims are the same: hashes and versions of the run, outputs of the old record."""
    entry = {"on": new["executed"], "processor": new["processor"], "changed": changed}
    return old | {
        "data": new["data"],
        "versions": new["versions"],
        "hashes": new["hashes"] | {"outputs": old["hashes"]["outputs"]},
        "verified": [*old.get("verified", []), entry][-recompute.N_REMEMBERED :],
    }


def verify_chapter(chapter: str, rerun: bool) -> str:
    """Execute a chapter and compare its claims; what was found, in one line.

    Raises:
        Difference: if claims differ and ``rerun`` is false, or the chapter fails.
    """
    record = records.load(chapter)
    assert record is not None  # chosen by `due_chapters`
    changed = records.staleness(chapter)
    try:
        done = execute.run(chapter)
    except execute.ExecutionError as error:
        raise Difference(str(error).removeprefix(f"{chapter}: ")) from None
    if not (found := claims_that_differ(record, done.record)):
        records.write(chapter, renewed(record, done.record, changed))
        how = "equal" if record["processor"] == done.record["processor"] else "within their bounds"
        return f"{counted(len(record['claims']), 'claim')} {how} ({done.record['seconds']:.0f} s)"
    if not rerun:
        raise Difference("; ".join(found))
    execute.store(chapter, done)
    return f"executed again and stored, because {'; '.join(found)}"


def due_chapters(asked: Iterable[str]) -> tuple[list[str], list[str]]:
    """Chapters to verify, the cheapest first, and chapters that only `make book` can bring up to date."""
    costs, rest = {}, []
    for chapter in asked:
        try:
            record = records.load(chapter)
        except ValueError:
            record = None
        if record is None or records.own_changes(chapter, record):
            rest.append(chapter)
        else:
            costs[chapter] = record["seconds"]
    return sorted(costs, key=lambda chapter: costs[chapter]), rest


def in_parallel(work: Callable[[str], str], names: list[str]) -> dict[str, str]:
    """Do the work for each name, as many at once as there are cores; what differs, by name."""
    failures = {}
    with closing(processes.in_parallel(work, names)) as results:
        for name, future in results:
            try:
                print(f"{name}: {future.result()}", flush=True)
            except (Difference, stored_studies.StudyError) as error:
                failures[name] = str(error)
                print(f"{name}: DIFFERS, {error}", flush=True)
    return failures


def verify_studies(names: list[str], seed: str) -> dict[str, str]:
    """Verify studies; what differs, by name. One that loads rows of another which was due, too, is tried again."""
    failures: dict[str, str] = {}
    left = names
    while left:
        found = in_parallel(lambda name: verify_study(name, seed), left)
        waiting = [name for name, why in found.items() if "StudyError" in why and len(found) < len(left)]
        failures |= {name: why for name, why in found.items() if name not in waiting}
        left = waiting
    return failures


def rerun_study(name: str) -> str:
    """Compute all rows of a study.

    Raises:
        Difference: if it fails.
    """
    began = time.perf_counter()
    command = [sys.executable, str(stored_studies.script(name))]
    done = processes.run(command, notebooks.ROOT, execute.environment("laptop"))
    if done.returncode:
        raise Difference(last_error(done.stderr))
    return f"all rows computed again ({time.perf_counter() - began:.0f} s)"


def estimate(name: str, seed: str) -> float:
    """About how many seconds the verification of a study takes; rows of unknown cost count as 0."""
    stored = stored_studies.read(name)
    seconds = recompute.costs(stored)
    return sum(seconds[number] or 0 for number in recompute.choose(stored, seed))


def plan(chosen: list[str], chapters: list[str], seed: str) -> None:
    """Print what will run and about how long it takes."""
    print(f"seed {seed}")
    for name in chosen:
        try:
            numbers = ", ".join(map(str, recompute.choose(stored_studies.read(name), seed)))
            print(f"study {name}: rows {numbers}, about {estimate(name, seed):.0f} s", flush=True)
        except stored_studies.StudyError as error:
            print(f"study {name}: {error}")
    for chapter in chapters:
        record = records.load(chapter)
        print(f"chapter {chapter}: about {record['seconds'] if record else 0:.0f} s", flush=True)


def provide(names: list[str]) -> None:
    """Install what is missing of what some studies and chapters need, or end with one line that says what cannot be."""
    try:
        needs.provide({needs.chapter_of(name) for name in names})
    except (SetupError, DataError, ValueError) as error:
        sys.exit(str(error))


def unlike_pins() -> list[str]:
    """Packages whose installed version is not the pinned one."""
    pinned = provenance.pins()
    installed = provenance.installed(pinned)
    return [
        f"{name} {version} is installed, {pinned[name]} is pinned"
        for name, version in installed.items()
        if pinned[name] != version
    ]


def verify(asked: list[str], seed: str, rerun: bool, dry_run: bool) -> int:
    """Verify studies, then chapters; the exit status, 1 if anything differs."""
    every_study, every_chapter = studies.names(), notebooks.chapters()
    if unknown := sorted(set(asked) - set(every_study) - set(every_chapter)):
        sys.exit(f"There is no study or chapter {', '.join(unknown)}.")
    if unlike := unlike_pins():
        sys.exit(f"{'; '.join(unlike)}. Run: make book")
    began = time.perf_counter()
    chosen = [it for it in every_study if (it in asked if asked else studies.staleness(it))]
    if dry_run:
        chapters, rest = due_chapters(
            it for it in every_chapter if (it in asked if asked else records.staleness(it))
        )
        plan(chosen, chapters, seed)
        print(f"for make book: {', '.join(rest) or 'nothing'}")
        return 0
    plan(chosen, [], seed)
    provide(chosen)
    failures = verify_studies(chosen, seed)
    if rerun and failures:
        print(f"computing anew: {', '.join(failures)}", flush=True)
        failures = in_parallel(rerun_study, list(failures))
    # Only now: a chapter that loads rows of a study can run again.
    chapters, rest = due_chapters(
        it for it in every_chapter if (it in asked if asked else records.staleness(it))
    )
    provide(chapters)
    other = in_parallel(lambda name: verify_chapter(name, rerun), chapters)
    n_good = len(chosen) + len(chapters) - len(failures) - len(other)
    print(f"{n_good} verified or computed again in {time.perf_counter() - began:.0f} s, seed {seed}")
    for chapter in rest:
        print(f"{chapter}: its own code or outputs changed; run make book")
    for name in failures:
        print(f"{name}: run make study NAME={name}, or make verify NAME={name} RERUN=1", file=sys.stderr)
    for name in other:
        print(f"{name}: run make chapter CH={name}, or make verify NAME={name} RERUN=1", file=sys.stderr)
    return 1 if failures or other else 0


def main() -> int:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify", description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="*", help="a study or chapter, such as 05_project/pretraining")
    parser.add_argument(
        "--seed", default=date.today().isoformat(), help="seed for drawing rows (default: today's date)"
    )
    parser.add_argument("--rerun", action="store_true", help="compute in full what differs")
    parser.add_argument(
        "--dry-run", action="store_true", help="only print what would run, and about how long"
    )
    parser.add_argument(
        "--measure-tolerance", metavar="NAME", help="measure how much rounding changes this study's numbers"
    )
    options = parser.parse_args()
    if name := options.measure_tolerance:
        found = recompute.measure_tolerance(name, options.seed)
        print(f"{name}, rows {', '.join(map(str, found['rows']))}: {found['how']}")
        for column, value in found["columns"].items():
            print(f"  {column}: {value:.2g}")
        return 0
    return verify(options.name, options.seed, options.rerun, options.dry_run)


if __name__ == "__main__":
    sys.exit(processes.interruptible(main))
