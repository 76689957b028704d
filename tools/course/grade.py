"""Grade submissions of an assignment: `make grade SUBMISSIONS=folder`.

Each notebook runs in a sandbox; a table (`grades.csv`) and a page for each student are written. What is graded stays
graded: after an interruption the same command goes on with the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import nbformat
from tqdm import tqdm

from largemodels.files import aside
from tools.course import masters, sandbox, worker
from tools.course.judge import Verdict
from tools.course.reports import Report, file_of, write
from tools.course.run import grade

VARIANTS = 1000  # numbers of variants begin at 0


def read(path: Path) -> nbformat.NotebookNode:
    """A submitted notebook, also one that Windows has written.

    Raises:
        ValueError: if the file is none, in one line.
    """
    try:
        return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
    except Exception as error:  # nbformat raises what its parser and its schema raise
        raise ValueError(f"This file cannot be read as a notebook ({type(error).__name__}).") from None


def submissions(folder: Path) -> dict[str, Path]:
    """The notebooks of a folder by student: `student.ipynb`, or the newest of each `student/…/*.ipynb`.

    Raises:
        ValueError: if there is none.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files = [it for it in inner.rglob("*.ipynb") if ".ipynb_checkpoints" not in it.parts]
        if files:
            found[inner.name] = max(files, key=lambda it: (it.stat().st_mtime, it.name))
    if not found:
        raise ValueError(f"There is no notebook in the folder{f' {folder}' if folder.name else ''}.")
    return found


def report(student: str, path: Path, name: str, variants: dict[str, int], due: datetime | None) -> Report:
    """Grade one file, whatever is in it."""
    began = time.monotonic()
    found = Report(str(path), name, variants.get(student, 0))
    found.late = bool(due and datetime.fromtimestamp(path.stat().st_mtime, tz=due.tzinfo) > due)
    try:
        notebook = read(path)
        said = notebook.metadata.get("largemodels", {})
        said = said if isinstance(said, dict) else {}
        if str(said.get("assignment", name)) != name:
            found.notes.append(f"This is a notebook of assignment {said['assignment']}.")
        if not variants:
            number = said.get("variant", 0)
            found.variant = number if isinstance(number, int) and 0 <= number < VARIANTS else 0
        elif said.get("variant") not in (None, found.variant):
            found.notes.append("The number of the variant is not the one that was handed out.")
        verdicts, notes = grade(masters.load(name), notebook, found.variant)
        found.verdicts = verdicts
        found.notes += notes
    except ValueError as error:
        found.notes.append(str(error))
    found.seconds = round(time.monotonic() - began, 1)
    return found


def digest(path: Path, *said: object) -> str:
    """What a result depends on: the file, the assignment, the grader, and what was asked."""
    return hashlib.sha256(repr((said, _grader())).encode() + path.read_bytes()).hexdigest()


@functools.cache
def _grader() -> str:
    """What the grader and the assignments are."""
    files = [*Path(__file__).parent.glob("*.py"), *(masters.ROOT / masters.FOLDER).glob("*/*.*")]
    return hashlib.sha256(b"".join(it.read_bytes() for it in sorted(files))).hexdigest()


def stored(path: Path, key: str) -> Report | None:
    """A report that was written before, if nothing has changed since."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("digest") != key:
            return None
        found["verdicts"] = [Verdict(**{**it, "lines": tuple(it["lines"])}) for it in found.pop("verdicts")]
        return Report(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def all_of(
    folder: Path, name: str, out: Path, variants: dict[str, int], due: datetime | None
) -> dict[str, Report]:
    """Grade a folder on all cores; each result is written as soon as it is there."""
    found: dict[str, Report] = {}
    waiting = {}
    with ThreadPoolExecutor(max_workers=max(1, min(os.cpu_count() or 1, 8))) as pool:
        for student, path in submissions(folder).items():
            key = digest(path, student, name, variants.get(student), due)
            place = out / "results" / f"{file_of(student)}.json"
            if before := stored(place, key):
                found[student] = before
            else:
                job = pool.submit(report, student, path, name, variants, due)
                waiting[job] = student, path, place, key
        with tqdm(total=len(found) + len(waiting), initial=len(found), unit="notebook", desc=name) as bar:
            for job in as_completed(waiting):
                student, path, place, key = waiting[job]
                bar.update()
                # A fault of the grader itself: the others go on, and this one, which is not stored, is tried again.
                if error := job.exception():
                    said = [f"The grader failed: {worker.said(error)}"]
                    found[student] = Report(str(path), name, 0, notes=said, failed=True)
                    continue
                found[student] = job.result()
                with aside(place) as new:
                    text = json.dumps(asdict(found[student]) | {"digest": key}, indent=1, ensure_ascii=False)
                    new.write_text(text, encoding="utf-8")
    return dict(sorted(found.items()))


def roster(path: Path | None, name: str) -> dict[str, int]:
    """Numbers of variants by student, from the table that `make course` has written.

    Raises:
        ValueError: if the file has no such columns.
    """
    if path is None:
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row["student"]: int(row[name]) for row in csv.DictReader(file)}
    except (OSError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no table with the columns student and {name}.") from None


def main(arguments: list[str] | None = None) -> int:
    """Grade a folder.

    The exit status is 0 if all files were graded or have a note that says why they cannot be, 1 if the grader failed on
    some, and 2 if nothing could begin.
    """
    parser = argparse.ArgumentParser(prog="make grade", description=__doc__)
    parser.add_argument(
        "submissions", type=Path, help="a folder: student.ipynb, or a folder for each student"
    )
    parser.add_argument(
        "--assignment", default="", help="such as 2_attention; as a rule the notebooks say it"
    )
    parser.add_argument(
        "--out", type=Path, help="where results are written; by default beside the submissions"
    )
    parser.add_argument("--due", help="date and time after which a file is late, such as 2027-01-31T18:00")
    parser.add_argument("--roster", type=Path, help="the table variants.csv that make course has written")
    given = parser.parse_args(arguments)
    try:
        if not given.submissions.is_dir():
            raise ValueError(f"There is no folder {given.submissions}. Say make grade SUBMISSIONS=folder.")
        due = datetime.fromisoformat(given.due).astimezone() if given.due else None
        name = given.assignment or _said(submissions(given.submissions))
        assignment = masters.load(name)
        out = given.out or given.submissions.with_name(f"{given.submissions.name}-graded")
        if sandbox.BWRAP is None:
            print(NO_WALLS, file=sys.stderr)
        reports = all_of(given.submissions, name, out, roster(given.roster, name), due)
        write(reports, assignment, out)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    mean = sum(it.points for it in reports.values()) / len(reports)
    print(
        f"{len(reports)} graded, {mean:.1f} of {assignment.points:g} points on average: {out / 'grades.csv'}"
    )
    if failed := [student for student, it in reports.items() if it.failed]:
        print(
            f"The grader failed on {len(failed)}, {failed[0]} first. Say the same again, which tries these alone.",
            file=sys.stderr,
        )
        return 1
    return 0


NO_WALLS = (
    "bubblewrap (bwrap) is not here or may not work, so notebooks run with limits on memory and time only: they could "
    "read your files and the network. On Linux install the package bubblewrap, or grade in a container."
)


def _said(files: dict[str, Path]) -> str:
    """The assignment that most of the notebooks say they belong to.

    Raises:
        ValueError: if none says so.
    """
    found: dict[str, int] = {}
    for path in files.values():
        with contextlib.suppress(ValueError):
            said = read(path).metadata.get("largemodels", {})
            name = said.get("assignment") if isinstance(said, dict) else None
            if isinstance(name, str):
                found[name] = found.get(name, 0) + 1
    if not found:
        raise ValueError(
            "No notebook says which assignment it belongs to: add ASSIGNMENT=2_attention, for example."
        )
    return max(found, key=found.__getitem__)


if __name__ == "__main__":
    sys.exit(main())
