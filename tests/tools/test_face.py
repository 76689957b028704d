"""The book's first page, its paths and the pictures of README.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import NotebookNode

from tools import face, gallery, notebooks
from tools.notebooks import ROOT

NAME = "05_project/small"
HEADER = """# A small chapter

After this chapter you can tell a loss from a perplexity.

*2 minutes · 1 GB · Shakespeare · scale laptop*

*Builds on [Another](other.ipynb) and [The first](../01_history/first.ipynb)*

Which of the two
is larger?
"""


@pytest.fixture
def asked(chapter: NotebookNode) -> face.Chapter:
    chapter.cells[0].source = HEADER
    return face.chapter(NAME, chapter)


def test_a_chapter_says_what_it_asks_and_builds_on(asked: face.Chapter) -> None:
    assert asked.title == "A small chapter"
    assert asked.question == "Which of the two is larger?"
    assert asked.builds_on == ("05_project/other", "01_history/first")
    assert asked.runs == 2
    assert asked.picture is not None


def test_exercises_are_added_up(chapter: NotebookNode) -> None:
    before = face.chapter(NAME, chapter).exercises
    chapter.cells[-1].cell_type = "markdown"
    chapter.cells[-1].source = "### Exercise 8 · hard · 25 min\n\nTry.\n\n### Exercise 9 · easy · 5 min"
    assert face.chapter(NAME, chapter).exercises == before + 30


def test_the_cover_shows_the_question(asked: face.Chapter) -> None:
    text = face.cover({NAME: asked}, {NAME: "generated/pictures/small.png"})
    for line in (
        ":link: /notebooks/05_project/small",
        ":img-top: generated/pictures/small.png",
        ':img-alt: "The loss falls from step to step."',
        "Which of the two is larger?",
    ):
        assert line in text.splitlines()
    assert face.cover({}, {}) == ""


def test_the_cover_prefers_the_chapters_named_for_it(
    asked: face.Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {f"05_project/{n}": asked for n in range(4)}
    assert len(face.shown(found)) == len(face.COVER)
    monkeypatch.setattr(face, "COVER", ("05_project/3",))
    assert face.shown(found) == [asked]


def test_parts_without_chapters_are_listed_last(asked: face.Chapter) -> None:
    parts = [("2 Concepts", "02_concepts", "Why?", ()), ("5 Project", "05_project", "How?", (NAME,))]
    text = face.table_of_contents({NAME: asked}, {}, parts)
    assert text.index("### [5 Project](/book/parts/05_project.md)") < text.index("### In preparation")
    assert "| [2 Concepts](/book/parts/02_concepts.md) | Why? |" in text


def test_the_order_names_what_is_there(asked: face.Chapter) -> None:
    first = face.Chapter("01_history/first", "The first", "", (), 1_000, 30, 1, None)
    lines = face.order({NAME: asked, first.name: first}).splitlines()
    assert "| [The first](/notebooks/01_history/first.ipynb) | nothing | 10 min | 30 min | 1 min |" in lines
    assert any("| [The first](/notebooks/01_history/first.ipynb) | 5 min |" in line for line in lines)


def test_pictures_of_the_readme_are_those_of_the_chapters() -> None:
    wanted = face.for_readme()
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / face.FOLDER).iterdir()}
    assert there == set(wanted), "run: make format"
    for name, content in wanted.items():
        assert (ROOT / name).read_bytes() == content, "run: make format"
        assert len(content) <= gallery.BYTES


def test_old_pictures_of_the_readme_go(book: Path) -> None:
    assert notebooks.chapters(book)
    folder = book / face.FOLDER
    folder.mkdir(parents=True)
    (folder / "gone.png").write_bytes(b"")
    (book / "_toc.yml").write_text("root: book/index\nchapters:\n- file: notebooks/05_project/small\n")
    assert face.write_pictures(book) == 2
    assert [path.name for path in folder.iterdir()] == ["05_project-small.png"]
    assert face.write_pictures(book) == 0
