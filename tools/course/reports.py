"""What a grading says: a report of each submission, a table, a page for each student, and which hints were given."""

from __future__ import annotations

import csv
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

from largemodels.files import aside
from tools.course import judge, sandbox
from tools.course.judge import Verdict
from tools.course.masters import Assignment


@dataclass
class Report:
    """What a submission got."""

    file: str
    assignment: str
    variant: int
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    late: bool = False
    where: str = sandbox.KIND
    seconds: float = 0.0
    failed: bool = False  # by the grader's own fault

    @property
    def points(self) -> float:
        """All points."""
        return judge.total((verdict.track, verdict.points) for verdict in self.verdicts)


def write(reports: dict[str, Report], assignment: Assignment, out: Path) -> None:
    """The table, a page for each student, and how often each hint was given."""
    parts = [part.name for part in assignment.parts]
    with aside(out / "grades.csv") as new, new.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["student", *parts, "points", "out of", "late", "notes"])
        for student, it in reports.items():
            marks = {verdict.part: verdict.points for verdict in it.verdicts}
            row = [marks.get(part, 0) for part in parts]
            late = "late" if it.late else ""
            table.writerow(
                [_cell(student), *row, it.points, assignment.points, late, _cell(" ".join(it.notes))]
            )
    counts: dict[tuple[str, str], int] = {}
    for it in reports.values():
        for verdict in it.verdicts:
            if verdict.hint:
                counts[verdict.part, verdict.hint] = counts.get((verdict.part, verdict.hint), 0) + 1
    with aside(out / "misconceptions.csv") as new, new.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["part", "hint", "students"])
        for (part, hint), number in sorted(counts.items(), key=lambda it: -it[1]):
            table.writerow([part, _cell(hint), number])
    for student, it in reports.items():
        with aside(out / "pages" / f"{file_of(student)}.html") as new:
            new.write_text(page(student, it, assignment), encoding="utf-8")


def _cell(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


STYLE = """:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-bottom:.2rem}ul{list-style:none;padding:0;margin:0}
.hint{border-left:.25rem solid #c77700;padding-left:.75rem}.points{float:right}"""


def page(student: str, found: Report, assignment: Assignment) -> str:
    """What a student reads: marks and hints by part."""

    def say(text: str) -> str:
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))

    lines = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{say(assignment.title)}: {say(student)}</title><style>{STYLE}</style>",
        f"<h1>{say(assignment.title)}</h1>",
        f"<p>{say(student)}: <strong>{found.points:g} of {assignment.points:g} points</strong>"
        f"{', handed in late' if found.late else ''}</p>",
    ]
    begun = {it.track for it in found.verdicts if it.track and it.hint != judge.UNWRITTEN}
    for verdict in found.verdicts:
        if verdict.track and begun and verdict.track not in begun:
            continue  # another track was chosen
        lines += [
            f'<h2><span class="points">{verdict.points:g} of {verdict.out_of:g}</span>{say(verdict.title)}</h2>',
            "<ul>" + "".join(f"<li>{say(line)}</li>" for line in verdict.lines) + "</ul>",
        ]
        if verdict.hint:
            lines.append(f'<p class="hint">{say(verdict.hint)}</p>')
    if found.notes:
        lines += ["<h2>How the notebook ran</h2>", "<ul>"]
        lines += [f"<li>{say(note)}</li>" for note in found.notes] + ["</ul>"]
    return "\n".join(lines) + "\n"


def file_of(student: str) -> str:
    """A student's name as the name of a file."""
    return re.sub(r"[^\w.-]", "_", student)
