"""A teacher's kit: `make course` writes what is handed out and what is kept back.

    course/students/    notebooks of assignments without solutions, chapters with their exercises emptied
    course/teacher/     the answer key: masters and chapters with solutions, rubrics, the catalogue of misconceptions
    course/syllabus.md  which chapters and assignments make one, six and twelve weeks
    course/variants.csv which student has which numbers, where a list of students is given

What is in the folder of that name is replaced, submissions and grades lie elsewhere.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from largemodels.files import aside
from tools import notebooks
from tools.course import judge, masters
from tools.course.grade import VARIANTS
from tools.course.masters import Assignment
from tools.notebooks import ROOT

WEEKS = ROOT / masters.FOLDER / "weeks.toml"


def variant_of(student: str, assignment: str) -> int:
    """The number of a student's variant: the same each time, another for nearly each student."""
    return int(hashlib.sha256(f"{assignment}/{student}".encode()).hexdigest(), 16) % VARIANTS


def students_of(path: Path | None) -> list[str]:
    """Students from a list: a line each, or the column `student` of a table.

    Raises:
        ValueError: if the file has none, or one twice.
    """
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path} cannot be read as a list of students, a line each.") from None
    table = list(csv.reader(lines))
    column = table[0].index("student") if table and "student" in table[0] else 0
    found = [row[column].strip() for row in table if row and row[column].strip() not in ("", "student")]
    if not found:
        raise ValueError(f"{path} names no student.")
    if twice := sorted({it for it in found if found.count(it) > 1}):
        raise ValueError(f"{path} names {twice[0]} twice.")
    return found


def schedule(path: Path = WEEKS) -> list[dict[str, Any]]:
    """The courses of one, six and twelve weeks.

    Raises:
        ValueError: if one names a chapter or an assignment that is not there.
    """
    found = tomllib.loads(path.read_text(encoding="utf-8"))["course"]
    chapters, assignments = set(notebooks.chapters()), set(masters.names())
    for course in found:
        for week in course["week"]:
            if unknown := sorted({*week["chapters"]} - chapters):
                raise ValueError(f"{path.name}: there is no chapter {unknown[0]}")
            if unknown := sorted({*week.get("assignments", [])} - assignments):
                raise ValueError(f"{path.name}: there is no assignment {unknown[0]}")
    return list(found)


def syllabus() -> str:
    """The courses as Markdown."""
    lines = ["# Syllabus", ""]
    for course in schedule():
        lines += [f"## {course['title']}", "", course["for"], ""]
        lines += ["| week | theme | chapters | assignment |", "|---|---|---|---|"]
        for number, week in enumerate(course["week"], start=1):
            titles = [_title(chapter) for chapter in week["chapters"]]
            due = [masters.load(name).title for name in week.get("assignments", [])]
            lines.append(f"| {number} | {week['theme']} | {'; '.join(titles)} | {'; '.join(due)} |")
        lines.append("")
    return "\n".join(lines)


def catalogue() -> str:
    """All misconceptions, what they cost and what is said, as Markdown."""
    lines = ["# What the grader knows", ""]
    for name in masters.names():
        assignment = masters.load(name)
        lines += [f"## {assignment.title}", "", "| part | points lost | hint |", "|---|---|---|"]
        lines += [
            f"| {it.part} | {it.loses:g} | {it.hint or judge.GENERAL} |" for it in assignment.wrong
        ]  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def _title(chapter: str) -> str:
    return notebooks.title(notebooks.read(notebooks.path_of(chapter)))


def write(out: Path, students: list[str]) -> list[str]:
    """Write the kit; what was written, a line each."""
    said = []
    with aside(out) as new:
        for name in masters.names():
            assignment = masters.load(name)
            handed = _handed_out(assignment, students)
            for path, notebook in handed.items():
                _write(new / "students" / path, notebook)
            _write(new / "teacher" / f"{name}.ipynb", assignment.master)
            rubric = ROOT / masters.FOLDER / name / "rubric.md"
            if rubric.exists():
                shutil.copy(rubric, new / "teacher" / f"{name}_rubric.md")
            said.append(f"{name}: {len(handed)} for students, {assignment.points:g} points")
        for chapter in notebooks.chapters():
            notebook = notebooks.read(notebooks.path_of(chapter))
            _write(
                new / "students" / "chapters" / f"{chapter}.ipynb", masters.with_exercises_emptied(notebook)
            )
            _write(new / "teacher" / "chapters" / f"{chapter}.ipynb", notebook)
        (new / "teacher" / "catalogue.md").write_text(catalogue(), encoding="utf-8")
        (new / "syllabus.md").write_text(syllabus(), encoding="utf-8")
        if students:
            _variants(new / "variants.csv", students)
        shutil.rmtree(out, ignore_errors=True)  # the old course goes when the new one is whole
    said.append(f"{len(notebooks.chapters())} chapters with their exercises emptied, and an answer key")
    return said


def _handed_out(assignment: Assignment, students: list[str]) -> dict[str, NotebookNode]:
    """The notebooks for students by path: one for each student, or one for all."""
    if not students:
        return {f"{assignment.name}.ipynb": masters.for_students(assignment)}
    return {
        f"{assignment.name}/{student}.ipynb": masters.for_students(
            assignment, variant_of(student, assignment.name)
        )
        for student in students
    }


def _variants(path: Path, students: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["student", *masters.names()])
        for student in students:
            table.writerow([student, *(variant_of(student, name) for name in masters.names())])


def _write(path: Path, notebook: NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def main(arguments: list[str] | None = None) -> int:
    """Write the kit into a folder."""
    parser = argparse.ArgumentParser(prog="make course", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("course"))
    parser.add_argument(
        "--students", type=Path, help="a list of students, a line each: each gets other numbers"
    )
    given = parser.parse_args(arguments)
    try:
        students = students_of(given.students)
        if given.out.exists() and not (given.out / "syllabus.md").exists():
            raise ValueError(
                f"{given.out} is there and no course of ours; name another folder: make course OUT=…"
            )
        lines = write(given.out, students)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join([*lines, f"Written to {given.out}. Next: make grade SUBMISSIONS=folder"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
