"""Grading of a folder: every catalogued answer through the sandbox, broken and late files, and an interruption."""

from __future__ import annotations

import copy
import csv
import dataclasses
import html
import itertools
import os
from pathlib import Path

import nbformat
import pytest

from tools.course import grade, masters, reports, run
from tools.course.judge import Answer, Wrong
from tools.course.masters import Assignment

NAMES = masters.names()


def submitted(
    assignment: Assignment, answers: dict[str, type[Answer]], variant: int
) -> nbformat.NotebookNode:
    """A student's notebook with these answers, without the checks, which would stop at most of them."""
    notebook = masters.for_students(assignment, variant)
    notebook.cells = [it for it in notebook.cells if "check" not in it.metadata.get("tags", [])]
    solutions = copy.deepcopy(assignment.master).cells
    given = {cell.metadata.get("part"): cell.source for cell in solutions if cell.metadata.get("part")}
    for cell in notebook.cells:
        if part := cell.metadata.get("part"):
            cell.source = answers[part].cell(variant) if part in answers else given[part]
    return notebook


def rounds(assignment: Assignment, kind: str) -> list[dict[str, type[Answer]]]:
    """All answers of a kind in as few notebooks as parts allow, since each part is graded for itself."""
    found = getattr(assignment, kind)
    columns = [[it for it in found if it.part == part.name] for part in assignment.parts]
    return [{it.part: it for it in row if it} for row in itertools.zip_longest(*columns)]


@pytest.mark.parametrize("kind", ["wrong", "right"])
def test_all_answers_are_graded_alike_in_the_sandbox(kind: str) -> None:
    """One assignment stands for all: the answers of the others run in the tests' own process, `test_course.py`."""
    assignment = masters.load("2_attention")
    for answers in rounds(assignment, kind):
        notebook = submitted(assignment, answers, 3)
        verdicts, notes = run.grade(assignment, notebook, 3)
        for verdict in verdicts:
            answer = answers.get(verdict.part)
            loses = answer.loses if answer and issubclass(answer, Wrong) else 0
            assert verdict.out_of - verdict.points == loses, (answer, verdict, notes)
            if answer and issubclass(answer, Wrong) and answer.hint:
                assert verdict.hint == answer.hint


def test_a_part_with_few_variants_of_its_data() -> None:
    assignment = masters.load("2_attention")
    parts = tuple(dataclasses.replace(part, variants=2) for part in assignment.parts if part.name != "hand")
    assignment = dataclasses.replace(assignment, parts=parts)
    assert parts[0].number(7) == parts[0].number(1) == 1
    verdicts, _ = run.grade(assignment, assignment.master, 7)
    assert all(it.points == it.out_of for it in verdicts)
    mine, theirs, others = (parts[0].observe(assignment.names(), number)[0] for number in (7, 1, 2))
    assert str(mine) == str(theirs) != str(others)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_gets_all_points_and_the_blank_none(name: str) -> None:
    assignment = masters.load(name)
    verdicts, notes = run.grade(assignment, assignment.master, 0)
    assert [it.points for it in verdicts] == [it.out_of for it in verdicts]
    assert not notes
    verdicts, _ = run.grade(assignment, masters.for_students(assignment), 0)
    assert [it.points for it in verdicts] == [0] * len(verdicts)
    assert {it.hint for it in verdicts} == {"This part is still to be written."}


@pytest.mark.parametrize("name", NAMES)
def test_students_get_no_solution(name: str) -> None:
    assignment = masters.load(name)
    handed = [it.source for it in masters.for_students(assignment).cells]
    answers = [it.source for it in assignment.master.cells if "answer" in it.metadata.get("tags", [])]
    assert answers
    for answer in answers:
        blocks = masters.solutions(answer)
        assert blocks
        assert not [block for block in blocks for source in handed if block.strip() in source]
    assert not [source for source in handed if "SOLUTION" in source]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Submissions of a small course: good, Windows, in a folder of its own, late, broken, of another assignment."""
    there = tmp_path / "handed in"
    assignment = masters.load("2_attention")
    for name in ("ada", "late"):
        (there / name).mkdir(parents=True)
    good = nbformat.writes(submitted(assignment, {}, 0))
    (there / "ada" / "my solution.ipynb").write_text(good, encoding="utf-8")
    (there / "late" / "x.ipynb").write_text(good, encoding="utf-8")
    notebook = submitted(assignment, {}, 0)
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    windows = nbformat.writes(notebook).replace("\n", "\r\n")
    (there / "=windows.ipynb").write_bytes(b"\xef\xbb\xbf" + windows.encode())
    (there / "broken.ipynb").write_text(good[: len(good) // 2], encoding="utf-8")
    (there / "empty.ipynb").write_text("", encoding="utf-8")
    os.utime(there / "late" / "x.ipynb", (2e9, 2e9))
    return there


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_folder_is_graded(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.with_name("handed in-graded")
    assert grade.main([str(folder), "--due", "2030-01-01T18:00"]) == 0
    assert "5 graded" in capsys.readouterr().out
    rows = table(out / "grades.csv")
    assert {name: float(row["points"]) for name, row in rows.items()} == {
        "ada": 30, "late": 30, "'=windows": 30, "broken": 0, "empty": 0,
    }  # fmt: skip
    assert [name for name, row in rows.items() if row["late"]] == ["late"]
    assert "cannot be read as a notebook" in rows["broken"]["notes"]
    assert "30 of 30 points" in (out / "pages" / "ada.html").read_text(encoding="utf-8")
    # The second time nothing runs again, but for the file that has changed.
    ran: list[str] = []
    before = grade.report
    monkeypatch.setattr(grade, "report", lambda student, *rest: ran.append(student) or before(student, *rest))
    (folder / "broken.ipynb").write_text("{}", encoding="utf-8")
    assert grade.main([str(folder), "--due", "2030-01-01T18:00"]) == 0
    assert ran == ["broken"]


def test_a_fault_of_the_grader_stops_no_other_and_is_tried_again(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.with_name("handed in-graded")
    ran: list[str] = []

    def report(student: str, path: Path, *_: object) -> reports.Report:
        ran.append(student)
        if student == "ada" and len(ran) <= 5:
            raise SystemError("AST constructor recursion depth mismatch")
        return reports.Report(str(path), "2_attention", 0)

    monkeypatch.setattr(grade, "report", report)
    assert grade.main([str(folder)]) == 1
    assert "The grader failed on 1, ada first." in capsys.readouterr().err
    rows = table(out / "grades.csv")
    assert len(rows) == 5
    assert "The grader failed: SystemError: AST constructor" in rows["ada"]["notes"]
    assert grade.main([str(folder)]) == 0
    assert ran[5:] == ["ada"]


def test_the_page_leaves_out_a_track_that_was_not_chosen() -> None:
    assignment = masters.load("5_graphs_or_patches")
    notebook = copy.deepcopy(assignment.master)
    tracks = {part.name: part.track for part in assignment.parts}
    graphs, patches = sorted({track for track in tracks.values() if track})
    for cell in notebook.cells:
        if tracks.get(cell.metadata.get("part", "")) == patches:
            cell.source = masters.without_solutions(cell.source)
    verdicts, notes = run.grade(assignment, notebook, 0)
    page = reports.page("Ada", reports.Report("x", assignment.name, 0, verdicts, notes), assignment)
    assert f"{assignment.points:g} of {assignment.points:g} points" in page
    titles = {track: {it.title for it in verdicts if it.track == track} for track in (graphs, patches)}
    assert all(html.escape(title) in page for title in titles[graphs])
    assert not [title for title in titles[patches] if html.escape(title) in page]


def test_a_page_says_points_and_hints_and_escapes_what_a_student_wrote() -> None:
    assignment = masters.load("2_attention")
    wrong = {it.part: it for it in assignment.wrong if it.__name__ == "SoftmaxOverQueries"}
    notebook = submitted(assignment, wrong, 0)
    notebook.cells.append(nbformat.v4.new_code_cell("raise ValueError('<script>alert(1)</script>')"))
    verdicts, notes = run.grade(assignment, notebook, 0)
    page = reports.page("<b>", reports.Report("x", assignment.name, 0, verdicts, notes), assignment)
    assert f"{30 - wrong['weights'].loses:g} of 30 points" in page
    assert "the softmax runs over the queries" in page
    assert "<script>" not in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "There is no folder nowhere. Say make grade SUBMISSIONS=folder."),
        (["."], "There is no notebook in the folder."),
    ],
)
def test_bad_input_gets_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert grade.main(arguments) == 2
    assert capsys.readouterr().err.strip() == said


def test_an_unknown_assignment_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grade.main([str(folder), "--assignment", "9_none"]) == 2
    assert "There is no assignment '9_none'. Choose from: " in capsys.readouterr().err
