"""The checkers on the notebooks and pages of the book. What each of them catches is tested in tests/tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools import check, citations, contents, notebooks, prose, records, studies
from tools.notebooks import ROOT, TEMPLATE, chapter_of, where

CHAPTERS = notebooks.paths()
ALL = [*CHAPTERS, TEMPLATE]
PAGES = prose.pages()

each_notebook = pytest.mark.parametrize("path", ALL, ids=where)
each_page = pytest.mark.parametrize("path", PAGES, ids=where)


@pytest.fixture(scope="module")
def entries() -> citations.Bibliography:
    """The bibliography."""
    return citations.bibliography()


@pytest.fixture(scope="module")
def claims() -> list[dict[str, Any]]:
    """The claims of all chapters."""
    return [claim for record in records.load_all().values() for claim in record["claims"]]


def none(problems: list[str]) -> None:
    """Fail with the problems, one a line."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_there_is_something_to_check() -> None:
    assert CHAPTERS, "no notebook found under notebooks/"
    assert PAGES, "no page found under book/"
    assert TEMPLATE.exists(), "notebooks/template.ipynb is gone"


@each_notebook
@pytest.mark.parametrize("name", check.CHECKS)
def test_chapter(path: Path, name: str) -> None:
    """As `make check` does."""
    none(check.CHECKS[name](check.Subject.read(path)))


@pytest.mark.parametrize("name", studies.names())
def test_study_is_current(name: str) -> None:
    if reasons := studies.staleness(name):
        none([f"{name}: {'; '.join(reasons)}. Run: make verify NAME={name}"])


def test_studies_have_scripts_and_weights_fit() -> None:
    none(studies.problems())


def test_records_have_chapters() -> None:
    none(records.orphans())


def test_bibliography(entries: citations.Bibliography) -> None:
    none(entries.problems)


@each_page
def test_numbers_of_pages(path: Path, claims: list[dict[str, Any]], entries: citations.Bibliography) -> None:
    none(prose.page_problems(path, claims, entries.cited))


@each_page
def test_citations_of_pages(path: Path, entries: citations.Bibliography) -> None:
    none(citations.page_problems(path, entries))


def test_every_chapter_is_in_the_contents_and_its_part() -> None:
    """README's list is compared in tests/tools/test_contents.py."""
    found = contents.parts()
    listed = [chapter for part in found for chapter in part.chapters]
    assert sorted(listed) == sorted(map(chapter_of, CHAPTERS)), "a chapter needs a line in _toc.yml"
    for part in found:
        page = (ROOT / "book" / "parts" / f"{part.page}.md").read_text(encoding="utf-8")
        assert f"{{include}} ../generated/parts/{part.page}.md" in page, (
            f"{part.page} does not list its chapters"
        )
