"""`make check` finds what is wrong with a chapter, says where in the numbers of all messages, and ends in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import code, markdown, printed
from tools import cell_numbers, check, notebooks
from tools.notebooks import ROOT

PROGRAM = (
    "import pathlib, sys; from tools import check; print(*check.smoke(pathlib.Path(sys.argv[1])), sep='\\n')"
)


def smoke(folder: Path, *cells: NotebookNode) -> tuple[int, list[str]]:
    """Run a notebook of these cells, in a process of its own: pytest runs in this one."""
    notebook = v4.new_notebook(cells=list(cells))
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    notebooks.write(folder / "small.ipynb", notebook)
    command = [sys.executable, "-c", PROGRAM, str(folder / "small.ipynb")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    number, *lines = done.stdout.splitlines()
    return int(number), [line for line in lines if line != "[]"]


def test_a_run_names_cells_as_all_messages_do(tmp_path: Path) -> None:
    ran, lines = smoke(
        tmp_path,
        markdown("# A"),
        code(
            "import os\nprint(os.environ['LARGEMODELS_SCALE'])",
            printed("smoke\n"),
            tags=["nbval-check-output"],
        ),
        markdown("B"),
        code("print(2)", printed("3\n"), tags=["nbval-check-output"]),
        code("unknown"),
        code("unknown"),
    )
    place = tmp_path / "small.ipynb"
    assert ran == 3  # the cell after an error would only repeat it
    assert lines == [
        f"['{place} cell 3: the output is not the stored one; run make chapter, or remove the tag nbval-check-output', "
        f"\"{place} cell 4: NameError: name 'unknown' is not defined\"]"
    ]


def test_a_run_without_a_fault_has_no_line(tmp_path: Path) -> None:
    assert smoke(tmp_path, markdown("# A"), code("1 + 1"), code("2")) == (2, [])


@pytest.mark.parametrize(("kinds", "code_cell", "expected"), [("c", 0, 0), ("mcmmc", 0, 1), ("mcmmc", 1, 4)])
def test_numbers_of_code_cells(kinds: str, code_cell: int, expected: int) -> None:
    cells = [{"cell_type": {"c": "code", "m": "markdown"}[kind]} for kind in kinds]
    assert cell_numbers.number(cells, code_cell) == expected


def test_names_and_paths_lead_to_a_chapter() -> None:
    path = notebooks.paths()[0]
    for name in (notebooks.chapter_of(path), path.relative_to(ROOT).as_posix()):
        assert check.path_for(name) == path
    assert check.path_for("template") == notebooks.TEMPLATE
    assert check.path_for("05_project/nowhere") is None


def test_an_unknown_chapter_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["nowhere"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"There is no chapter nowhere. Choose one of: {notebooks.chapters()[0]}, ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("found", "code", "last"), [([], 0, "ok, 9 checks, 0 s"), (["a", "b"], 1, "2 problems in 9 checks, 0 s")]
)
def test_each_problem_is_a_line_and_the_end_is_one(
    found: list[str],
    code: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(check, "smoke", lambda path: (9 - len(check.CHECKS), found))
    monkeypatch.setattr(check, "CHECKS", dict.fromkeys(check.CHECKS, lambda subject: []))
    assert check.main(["template"]) == code
    assert capsys.readouterr().out.splitlines() == [*found, last]


def test_what_is_no_notebook_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{", encoding="utf-8")
    number, (problem,) = check.check(tmp_path / "a.ipynb")
    assert number == 1
    assert "a.ipynb: not JSON" in problem


PLANTED = {
    "format and lint": ("a = undefined_name", {}, "Undefined name"),
    "structure, cells and alternative texts": (
        "import antigravity\n" * 31,
        {},
        "lines of code, 30 are allowed",
    ),
    "source notes": ("1", {"source_note": {"section": "4.5"}}, "source note must have"),
    "links and citations": ("# https://example.org/nowhere", {}, "is not the url of any entry"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, tmp_path: Path, chapter: NotebookNode) -> None:
    """That each check finds all that it should is tested beside it; here, that it is called."""
    source, metadata, said = PLANTED[name]
    chapter.cells.append(code(source, **metadata))
    path = tmp_path / "small.ipynb"
    notebooks.write(path, chapter)
    found = check.CHECKS[name](check.Subject.read(path))
    assert any(said in line and f"cell {len(chapter.cells) - 1}" in line for line in found), found


def test_numbers_and_record_are_those_of_the_book(chapter: NotebookNode, tmp_path: Path) -> None:
    """A chapter that the book does not know has no record, so that nothing in it is claimed."""
    path = notebooks.path_of("05_project/no_such_chapter")
    subject = check.Subject(path, chapter)
    assert any("1.61" in line for line in check.CHECKS["numbers"](subject))
    missing = check.CHECKS["place in the book"](subject)[0]
    assert "no_such_chapter.ipynb: _toc.yml does not name it; add" in missing


def test_every_chapter_has_its_place_and_the_template_none() -> None:
    for path in (*notebooks.paths(), notebooks.TEMPLATE):
        assert check.CHECKS["place in the book"](check.Subject.read(path)) == []
    assert check.CHECKS["record"](check.Subject.read(notebooks.TEMPLATE)) == []


def test_the_record_is_checked(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = notebooks.paths(book)
    (missing,) = check.CHECKS["record"](
        check.Subject.read(path)
    )  # of the book's own folder, where it is unknown
    assert "data/records/05_project/small.json: missing" in missing
