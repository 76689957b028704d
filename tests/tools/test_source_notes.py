"""Source notes: form, and their collection for the audit page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import NOTE, NOTED, code, markdown
from tools import notebooks, source_notes
from tools.source_notes import SourceNote


def faults(source: str = NOTE, **changed: Any) -> list[str]:
    """Problems of a notebook with one note."""
    cell = markdown(source, source_note=NOTED | changed)
    return source_notes.problems(Path("a.ipynb"), v4.new_notebook(cells=[cell]))


def test_the_good_chapter_passes(chapter: NotebookNode) -> None:
    assert source_notes.problems(Path("a.ipynb"), chapter) == []


def test_notes_are_collected(book: Path) -> None:
    assert source_notes.collect(notebooks.paths(book)) == [
        SourceNote(
            chapter="05_project/small",
            cell=18,
            section="4.5",
            verdict="wrong",
            claim="A model can be perfect.",
            text="The article says that a model is trained until it is perfect.\n\n"
            "It is not: the loss has a floor.",
        )
    ]


@pytest.mark.parametrize("section", ["1.1", "10", "5.2.3", "9", "3.4"])
@pytest.mark.parametrize("verdict", ["wrong", "imprecise", "unsupported", "right"])
def test_good_notes(section: str, verdict: str) -> None:
    assert faults(section=section, verdict=verdict) == []
    assert faults(section=section, verdict=verdict, line="357") == []


def test_the_line_of_a_note_is_collected(book: Path) -> None:
    (path,) = notebooks.paths(book)
    notebook = notebooks.read(path)
    notebook.cells[18].metadata["source_note"]["line"] = "357"
    notebooks.write(path, notebook)
    assert [note.line for note in source_notes.collect([path])] == [357]


@pytest.mark.parametrize(
    "changed",
    [
        {"section": ""},
        {"section": "0"},
        {"section": "11.1"},
        {"section": "4.5.1.2"},
        {"section": "4."},
        {"section": "4.6"},
        {"section": "2.8"},
        {"line": "0"},
        {"line": "12a"},
        {"line": 12},
        {"section": "four"},
        {"section": 4.5},
        {"verdict": "false"},
        {"verdict": ""},
        {"claim": " "},
        {"claim": "one\ntwo"},
        {"claim": "随着人工智能技术的飞速发展模型"},
        {"remark": "more"},
    ],
)
def test_faults_of_the_metadata(changed: dict[str, Any]) -> None:
    (fault,) = faults(**changed)
    assert fault.startswith("a.ipynb cell 0: source note ")


def test_a_missing_field_is_a_fault() -> None:
    cell = markdown(NOTE, source_note={"section": "4.5", "verdict": "wrong"})
    assert len(source_notes.problems(Path("a.ipynb"), v4.new_notebook(cells=[cell]))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "No quotation.",
        "> A quotation.\n\nAnd more outside of it.",
        "> A quotation.\n\n---\n\n> Another.",
        "> 随着人工智能技术的飞速发展，大模型取得了显著的成果。",
        "> See [the chapter](../02_concepts/other.ipynb).",
    ],
)
def test_faults_of_the_text(source: str) -> None:
    assert len(faults(source)) == 1


def test_a_chinese_term_is_fine() -> None:
    assert (
        faults("> The article's term is 自注意力机制 (self-attention), see [a paper](https://example.org).")
        == []
    )


def test_a_note_is_a_markdown_cell() -> None:
    notebook = v4.new_notebook(cells=[code("1", source_note=NOTED)])
    assert len(source_notes.problems(Path("a.ipynb"), notebook)) == 1


def test_every_note_of_the_book_has_its_place_in_the_article() -> None:
    """The audit page is in the article's order; a note without a line stands at the end of its section."""
    assert [note for note in source_notes.collect() if note.line is None] == []


def test_every_formula_of_the_articles_mathematics_has_a_note_in_part_4() -> None:
    """Its section 4 prints three formulas on attention, two each on GPT, BERT and graphs, and one worked example."""
    notes = [it.section for it in source_notes.collect() if it.chapter.startswith("04_math/")]
    formulas = {"4.1": 3, "4.2": 2, "4.3": 2, "4.4": 2, "4.5": 1}
    assert {section: min(notes.count(section), n) for section, n in formulas.items()} == formulas
