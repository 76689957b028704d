"""Order of cells and rules for single cells, each with a planted fault."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import HEADER, code, figure, markdown, printed
from tools import structure

HERE = Path("a.ipynb")
Fault = Callable[[NotebookNode], object]


def first(notebook: NotebookNode, text: str) -> NotebookNode:
    """The first cell that holds a text."""
    return next(cell for cell in notebook.cells if text in cell.source)


def drop(notebook: NotebookNode, text: str) -> None:
    """Remove the first cell that holds a text."""
    notebook.cells.remove(first(notebook, text))


def change(notebook: NotebookNode, old: str, new: str) -> None:
    """Replace a text in the first cell that holds it."""
    cell = first(notebook, old)
    cell.source = cell.source.replace(old, new)


def add(notebook: NotebookNode, source: str) -> None:
    """Put a Markdown cell into the chapter."""
    notebook.cells.insert(5, markdown("## Where it comes from\n\n" + source))
    del notebook.cells[6]


def ask(notebook: NotebookNode) -> str:
    """Take the question out of the header."""
    change(notebook, "How low can a loss be?", "")
    return "How low can a loss be?"


def output(notebook: NotebookNode, one: NotebookNode) -> None:
    """Give the start cell an output."""
    notebook.cells[3].outputs = [one]


HTML = v4.new_output("display_data", data={"text/html": "<p><img src='data:x'></p>"})
OBJECT = v4.new_output("execute_result", data={"text/plain": "<Line2D at 0x7f3a2b1c4d50>"}, execution_count=3)
ERROR = v4.new_output("error", ename="ValueError", evalue="no", traceback=[])

ORDER: dict[str, tuple[Fault, int, str]] = {
    "no title": (lambda nb: change(nb, "# A small chapter", "A small chapter"), 0, "must be Markdown"),
    "no sentence": (lambda nb: change(nb, HEADER.split("\n\n")[1] + "\n\n", ""), 0, "line of costs"),
    "two sentences": (lambda nb: change(nb, "perplexity.", "perplexity. And more."), 0, "in one sentence"),
    "no line of costs": (lambda nb: change(nb, "*2 minutes", "*some minutes"), 0, "line of costs"),
    "scale of costs": (lambda nb: change(nb, "scale laptop", "scale gpu"), 0, "line of costs"),
    "no set-up": (lambda nb: nb.cells[1].metadata.update(tags=["hide-cell"]), 1, "tagged setup"),
    "set-up shown": (lambda nb: nb.cells[1].metadata.update(tags=["setup"]), 1, "tagged setup"),
    "no repository": (lambda nb: change(nb, "REPOSITORY =", "ADDRESS ="), 1, "template's set-up cell"),
    "another set-up": (lambda nb: change(nb, '"-q", ', ""), 1, "template's set-up cell"),
    "no extra": (lambda nb: change(nb, "EXTRA =", "PART ="), 1, 'such as `EXTRA = "part5"`'),
    "unknown extra": (lambda nb: change(nb, '"part5"', '"part9"'), 1, "part9 is not in pyproject.toml"),
    "no data": (lambda nb: change(nb, '["shakespeare"]', "shakespeare"), 1, "`DATA = []`"),
    "unknown data": (lambda nb: change(nb, '"shakespeare"]', '"wikitext"]'), 1, "DATA names wikitext"),
    "no parameters": (lambda nb: nb.cells[2].metadata.update(tags=[]), 2, "tagged parameters"),
    "fixed scale": (lambda nb: change(nb, 'os.environ.get("LARGEMODELS_SCALE", "laptop")', "1"), 2, "SCALE"),
    "no seed": (lambda nb: change(nb, "SEED = 0", "START = 0"), 2, "SEED"),
    "no start": (lambda nb: change(nb, "lm.start(SCALE, SEED", "dict(a=(SCALE, SEED)"), 3, "lm.start"),
    "a cell before start": (lambda nb: nb.cells.insert(3, markdown("Some words.")), 3, "lm.start"),
    "second parameters": (
        lambda nb: first(nb, "plots").metadata.update(tags=["parameters"]),
        4,
        "only cell 2 may",
    ),
    "second settings": (
        lambda nb: first(nb, "plots").metadata.update(tags=["settings"]),
        4,
        "only cell 3 may",
    ),
    "builds on what": (lambda nb: change(nb, "*Builds on nothing*", "It needs no other."), 0, "Builds on"),
    "builds on a page": (lambda nb: change(nb, "nothing*", "[a page](https://example.org)*"), 0, "Builds on"),
    "no question": (lambda nb: change(nb, "How low can a loss be?", "A loss."), 0, "question"),
    "question after the set-up": (lambda nb: nb.cells.insert(4, markdown(ask(nb))), 0, "question"),
    "no first picture": (lambda nb: nb.cells.append(nb.cells.pop(4)), 4, "a picture, or a study's row"),
    "folded first picture": (
        lambda nb: nb.cells[4].metadata.update(tags=["hide-cell"]),
        4,
        "a picture, or a",
    ),
    "section before the picture": (lambda nb: nb.cells.insert(4, nb.cells.pop(5)), 4, "a picture, or a"),
    "section before the set-up": (lambda nb: nb.cells.insert(1, nb.cells.pop(5)), 1, "first section begins"),
    "no origin": (lambda nb: change(nb, "## Where it comes from", "## Origin"), 5, "first section must be"),
    "second title": (lambda nb: change(nb, "## A result", "# A result"), 7, "second title"),
    "no summary": (lambda nb: drop(nb, "## Summary"), 17, "last two sections"),
    "no exercises": (lambda nb: change(nb, "## Exercises", "## Questions"), 18, "last two sections"),
    "empty summary": (lambda nb: change(nb, "\n\nA loss has a floor.", ""), 9, "summary is empty"),
    "section after": (lambda nb: nb.cells.append(markdown("## More")), 19, "last two sections"),
    "note in the chapter": (lambda nb: nb.cells.insert(7, nb.cells.pop()), 7, "source note belongs under"),
    "text in the survey": (lambda nb: nb.cells.append(markdown("More.")), 19, "only source notes"),
    "code in the survey": (lambda nb: nb.cells.append(code("x = 1")), 19, "only source notes"),
    "empty survey": (lambda nb: nb.cells.pop(), 17, "has no source note"),
}

EXERCISES: dict[str, tuple[Fault, int, str]] = {
    "too few": (lambda nb: nb.cells.__delitem__(slice(-4, -2)), 10, "2 exercises"),
    "number": (lambda nb: change(nb, "Exercise 2", "Exercise 3"), 13, "must read"),
    "level": (lambda nb: change(nb, "easy", "trivial"), 11, "must read"),
    "minutes": (lambda nb: change(nb, "10 min", "10 minutes"), 13, "must read"),
    "no solution": (lambda nb: drop(nb, "print(2)"), 13, "exercise 2 has no solution"),
    "untagged solution": (lambda nb: first(nb, "print(3)").metadata.update(tags=[]), 15, "no solution"),
    "solution too early": (
        lambda nb: nb.cells[8].metadata.update(tags=["solution"]),
        8,
        "belongs after",
    ),
}

CELLS: dict[str, tuple[Fault, int, str]] = {
    "long cell": (lambda nb: change(nb, "lm.plots.curve()", "x = 1\n" * 31), 4, "31 lines of code"),
    "no alternative text": (lambda nb: first(nb, "plots").metadata.clear(), 4, "alternative text"),
    "short alternative text": (
        lambda nb: first(nb, "plots").metadata.mystnb.image.update(alt="Loss curve."),
        4,
        "alternative text",
    ),
    "no picture": (lambda nb: first(nb, "plots").outputs.clear(), 4, "no picture"),
    "figure elsewhere": (lambda nb: output(nb, figure()), 3, "alternative text"),
    "picture in HTML": (lambda nb: output(nb, HTML), 3, "in the HTML output"),
    "picture without alt": (lambda nb: add(nb, "![](a.png)"), 5, "no alternative text"),
    "img without alt": (lambda nb: add(nb, '<img src="a.png">'), 5, "no alternative text"),
    "hot-linked": (lambda nb: add(nb, "![a curve](https://example.org/a.png)"), 5, "from elsewhere"),
    "hot-linked img": (lambda nb: add(nb, '<img alt="a" src="//example.org/a">'), 5, "from elsewhere"),
    "role": (lambda nb: add(nb, "see {doc}`other`"), 5, "a role"),
    "directive": (lambda nb: add(nb, "```{note}\nWords.\n```"), 5, "a directive {note}"),
    "colon directive": (lambda nb: add(nb, ":::{note}\nWords.\n:::"), 5, "a directive :::"),
    "target": (lambda nb: add(nb, "(here)=\n\nWords."), 5, "a target"),
    "comment": (lambda nb: add(nb, "It is\n% of the whole"), 5, "begins with %"),
    "substitution": (lambda nb: add(nb, "{{ words }}"), 5, "a substitution"),
    "footnote": (lambda nb: add(nb, "Words[^1]\n\n[^1]: More."), 5, "a footnote"),
    "error": (lambda nb: output(nb, ERROR), 3, "ended in an error"),
    "object": (lambda nb: output(nb, OBJECT), 3, "differs from run to run"),
    "home folder": (lambda nb: output(nb, printed("read /home/me/a.txt")), 3, "differs from run to run"),
    "tag": (lambda nb: nb.cells[3].metadata.update(tags=["solutions"]), 3, "the tag solutions"),
    "raw cell": (lambda nb: nb.cells.insert(5, v4.new_raw_cell("x")), 5, "a raw cell"),
    "not executed": (lambda nb: nb.cells[3].update(execution_count=None), 3, "not executed"),
    "executed twice": (lambda nb: nb.cells[3].update(execution_count=9), 3, "number 9, not 3"),
}


def test_the_good_chapter_passes(chapter: NotebookNode) -> None:
    assert structure.problems(HERE, chapter) == []


@pytest.mark.parametrize("name", [*ORDER, *EXERCISES, *CELLS])
def test_planted_faults(chapter: NotebookNode, name: str) -> None:
    fault, cell, message = (ORDER | EXERCISES | CELLS)[name]
    fault(chapter)
    found = structure.problems(HERE, chapter)
    assert any(it.startswith(f"a.ipynb cell {cell}: ") and message in it for it in found), found


def test_the_extra_is_that_of_the_part(chapter: NotebookNode) -> None:
    (fault,) = structure.problems(Path("02_concepts/a.ipynb"), chapter)
    assert 'must say `EXTRA = "part2"`' in fault


def test_summary_and_exercises_may_share_a_cell(chapter: NotebookNode) -> None:
    drop(chapter, "## Exercises")
    change(chapter, "A loss has a floor.", "A loss has a floor.\n\n## Exercises")
    assert structure.problems(HERE, chapter) == []


def test_too_many_exercises(chapter: NotebookNode) -> None:
    last = chapter.cells[16]
    for number in range(4, 8):
        solution = code("1", tags=["solution"])
        solution.execution_count = last.execution_count + number - 3
        heading = markdown(f"### Exercise {number} · hard · 5 min")
        chapter.cells[-2:-2] = [heading, solution]
    (fault,) = structure.problems(HERE, chapter)
    assert "7 exercises; write 3 to 6" in fault


def test_one_exercise_is_too_few_and_its_heading_is_described(chapter: NotebookNode) -> None:
    del chapter.cells[13:17]
    (fault,) = structure.problems(HERE, chapter)
    assert "1 exercise; write 3 to 6, each under a heading `### Exercise N" in fault


def test_a_first_picture_may_come_with_the_run(chapter: NotebookNode) -> None:
    """Before it, only the run is missing."""
    for cell in chapter.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    found = structure.problems(HERE, chapter)
    assert [it for it in found if "a picture, or a study's row" in it] == []
    assert any("was not executed" in it for it in found)


def test_a_notebook_without_cells_is_told_to_begin() -> None:
    (fault,) = structure.problems(HERE, v4.new_notebook())
    assert "copy the template" in fault


def test_the_template_needs_one_exercise_and_no_run(chapter: NotebookNode) -> None:
    short = copy.deepcopy(chapter)
    del short.cells[-4:]
    for cell in short.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    assert structure.problems(HERE, short, template=True) == []
    assert len(structure.problems(HERE, short)) > 1


@pytest.mark.parametrize(
    "source",
    [
        "Maths $x_1$ and $$y = 2$$ and `{doc}` and `:::`.",
        "$$\n\\sum_i x_i\n$$",
        "```python\nx = {'note': 1}\n```",
        "```\n{note}\n:::\n```",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "<details><summary>More</summary>\n\nWords.\n\n</details>",
        "![a loss curve](attachment:a.png)",
        "A set {a, b} and a share of 5 %\nof all.",
    ],
)
def test_plain_markdown_is_fine(chapter: NotebookNode, source: str) -> None:
    add(chapter, source)
    assert structure.problems(HERE, chapter) == []


def test_an_error_that_is_the_point_is_fine(chapter: NotebookNode) -> None:
    output(chapter, ERROR)
    chapter.cells[3].metadata["tags"] = ["raises-exception"]
    assert structure.problems(HERE, chapter) == []


def test_a_question_may_have_a_cell_of_its_own(chapter: NotebookNode) -> None:
    chapter.cells.insert(1, markdown(ask(chapter)))
    assert structure.problems(HERE, chapter) == []


def test_a_row_of_a_study_may_be_the_first_picture(chapter: NotebookNode) -> None:
    row = v4.new_output("execute_result", data={"text/html": "<table></table>"}, execution_count=4)
    chapter.cells[4].update(source="rows", metadata={}, outputs=[row])
    assert structure.problems(HERE, chapter) == []
