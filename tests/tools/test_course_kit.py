"""What a teacher hands out: no solution in it, numbers of their own, a syllabus of chapters that are there."""

from __future__ import annotations

import csv
import importlib.metadata
import re
import sys
from pathlib import Path

import nbformat
import pytest

from tools import notebooks
from tools.course import kit, listing, masters


def test_every_chapter_leads_to_an_assignment_that_is_there() -> None:
    there = {int(name[0]) for name in listing.names()}
    steps = listing.steps()
    assert not [chapter for chapter, numbers in steps.items() if not numbers or not there.issuperset(numbers)]
    assert {number for numbers in steps.values() for number in numbers} == there


@pytest.mark.parametrize("name", listing.names())
def test_the_points_stated_are_those_given(name: str) -> None:
    assignment = masters.load(name)
    assert listing.stated(name)[2] == assignment.points
    text = "\n".join(cell.source for cell in assignment.master.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## Part \w+ · .+ · ([\d.]+) points? · \d+ min$", text, re.MULTILINE)
    assert [float(points) for points in headings] == [part.points for part in assignment.parts]


@pytest.mark.parametrize("path", notebooks.masters(), ids=lambda path: path.parent.name)
def test_masters_are_in_normal_form_and_executed(path: Path) -> None:
    assert not notebooks.problems(path)
    code = [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("name", listing.names())
def test_what_an_assignment_imports_comes_with_the_tools(name: str) -> None:
    folder = masters.ROOT / masters.FOLDER / name
    cells = [it.source for it in masters.load(name).master.cells if it.cell_type == "code"]
    programs = [*cells, *(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))]
    found = {found for it in programs for found in re.findall(r"(?m)^ *(?:from|import) (\w+)", it)}
    lines = [(masters.ROOT / f"requirements/{it}.txt").read_text().lower() for it in ("tools", "notebooks")]
    pinned = {line.partition("==")[0] for line in "\n".join(lines).splitlines() if "==" in line}
    packages = importlib.metadata.packages_distributions()
    others = found - set(sys.stdlib_module_names) - {"tools"}
    assert not [it for it in others if not pinned.intersection(name.lower() for name in packages[it])]


def test_a_missing_line_is_said(tmp_path: Path) -> None:
    master = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title\n\nNothing.")])
    path = tmp_path / listing.FOLDER / "1_x" / "master.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(master, path)
    with pytest.raises(ValueError, match="1_x: the first cell needs the line"):
        listing.stated("1_x", tmp_path)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    (folder / "students.txt").write_text("Ada\nBen\n\nZoë\n", encoding="utf-8")
    assert kit.main(["--out", str(folder / "course"), "--students", str(folder / "students.txt")]) == 0
    return folder / "course"


def test_students_get_no_solution_of_a_chapter(course: Path) -> None:
    for chapter in notebooks.chapters():
        handed = nbformat.read(course / "students" / "chapters" / f"{chapter}.ipynb", as_version=4)
        kept = nbformat.read(course / "teacher" / "chapters" / f"{chapter}.ipynb", as_version=4)
        solutions = [cell.source for cell in kept.cells if "solution" in notebooks.tags(cell)]
        assert solutions
        assert not set(solutions) & {cell.source for cell in handed.cells}
        assert len(handed.cells) == len(kept.cells)


def test_each_student_has_a_variant_and_it_is_listed(course: Path) -> None:
    with (course / "variants.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["Ada", "Ben", "Zoë"]
    for name in masters.names():
        numbers = [int(row[name]) for row in rows.values()]
        assert len(set(numbers)) == 3
        for student, number in zip(rows, numbers, strict=True):
            notebook = nbformat.read(course / "students" / name / f"{student}.ipynb", as_version=4)
            assert notebook.metadata["largemodels"] == {"assignment": name, "variant": number}
            assert f"VARIANT = {number} " in "\n".join(cell.source for cell in notebook.cells)


def test_the_syllabus_has_three_courses_and_all_assignments(course: Path) -> None:
    text = (course / "syllabus.md").read_text(encoding="utf-8")
    assert [len(it["week"]) for it in kit.schedule()] == [5, 6, 12]
    assert not [name for name in masters.names() if masters.load(name).title not in text]


def test_a_chapter_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weeks.toml"
    path.write_text('[[course]]\nweek = [{ theme = "x", chapters = ["01_history/none"] }]', encoding="utf-8")
    with pytest.raises(ValueError, match=r"weeks\.toml: there is no chapter 01_history/none"):
        kit.schedule(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "names no student"), ("Ada\nBen\nAda", "names Ada twice"), (None, "cannot be read as a list")],
)
def test_a_bad_list_gets_one_line(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "students.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert kit.main(["--out", str(tmp_path / "course"), "--students", str(path)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "course").exists()


def test_a_table_of_students_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("\ufeffid,student\n1,Ada\n2,Ben\n", encoding="utf-8")
    assert kit.students_of(path) == ["Ada", "Ben"]


def test_an_old_course_stays_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "course" / "syllabus.md"
    old.parent.mkdir()
    old.write_text("last year", encoding="utf-8")
    monkeypatch.setattr(kit, "catalogue", lambda: 1 / 0)
    monkeypatch.setattr(notebooks, "chapters", list)
    with pytest.raises(ZeroDivisionError):
        kit.main(["--out", str(tmp_path / "course")])
    assert old.read_text(encoding="utf-8") == "last year"


def test_a_folder_of_another_kind_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert kit.main(["--out", str(tmp_path)]) == 2
    assert "no course of ours" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()
