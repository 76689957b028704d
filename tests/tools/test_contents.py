"""Lists of parts, chapters, packages and names are made from what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import largemodels
from tools import api_pages, cite, contents, execute
from tools import pages as tables
from tools.notebooks import ROOT

README = """# Book

<!-- pictures -->
old
<!-- /pictures -->

<!-- website -->old<!-- /website -->

<!-- parts -->
old
<!-- /parts -->

End.
"""
CITATION = """cff-version: 1.2.0
version: "0.3.0"
preferred-citation:
  title: A book
  authors: [{name: The authors}, {given-names: Ada, family-names: Nobody}]
  year: 2026
"""


@pytest.fixture
def listed(book: Path) -> Path:
    """The small book with two parts, of which one has a chapter."""
    (book / "_toc.yml").write_text(
        """
root: book/index
parts:
  - caption: Before you read
    chapters: [{file: book/how}]
  - caption: 2 Concepts
    chapters: [{file: book/parts/02_concepts}]
  - caption: 5 Project
    chapters: [{file: book/parts/05_project}, {file: notebooks/05_project/small}]
""",
        encoding="utf-8",
    )
    for page in ("02_concepts", "05_project"):
        path = book / "book" / "parts" / f"{page}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# A part\n\nIt asks: **how is\nit done?**\n", encoding="utf-8")
    (book / "README.md").write_text(README, encoding="utf-8")
    (book / "CITATION.cff").write_text(CITATION, encoding="utf-8")
    return book


def test_readme_lists_the_chapters_there_are() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8") == contents.readme(), "run: make format"


def test_every_package_of_the_library_has_its_page() -> None:
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for package in api_pages.packages():
        line = f"file: book/generated/api/{package}"
        assert line in toc, f"_toc.yml lacks the line - {line}"


def test_the_names_are_those_of_the_library() -> None:
    assert {name for name, _ in api_pages.public_names()} == set(largemodels.__all__)


def test_every_module_is_documented() -> None:
    for package in api_pages.packages():
        page = api_pages.package_page(package)
        for module in api_pages.modules(package):
            assert f"automodule:: largemodels.{package}.{module}\n" in page
            assert f"<largemodels.{package}.{module}>` |  |" not in page, (
                f"{package}.{module} has no docstring"
            )


def test_lists_follow_the_contents(listed: Path) -> None:
    assert contents.main(listed) == 0
    readme = (listed / "README.md").read_text(encoding="utf-8")
    assert "| 2 Concepts | How is it done? | to come |" in readme
    chapter = "[A small chapter](notebooks/05_project/small.ipynb)"
    assert f"| 5 Project | How is it done? | {chapter} |" in readme
    assert readme.endswith("\n\nEnd.\n")
    assert "old" not in readme
    pages = contents.pages(listed)
    assert pages["parts/02_concepts"] == "This part has no chapters yet.\n"
    assert (
        "- [A small chapter](/notebooks/05_project/small.ipynb): tell a loss from"
        in pages["parts/05_project"]
    )
    assert (
        "### [5 Project](/book/parts/05_project.md)\n\nHow is it done?\n\n:::::{grid}" in pages["parts/all"]
    )
    assert "| [2 Concepts](/book/parts/02_concepts.md) | How is it done? |" in pages["parts/all"]
    assert "book/_static/cover/05_project-small.png" in readme
    assert (listed / "book/_static/cover/05_project-small.png").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "_toc.yml",
            "notebooks/05_project/small",
            "notebooks/05_project/gone",
            "no notebooks/05_project/gone",
        ),
        ("_toc.yml", "{file: book/parts/02_concepts}", "{file: book/how}", "2 Concepts needs one page"),
        ("book/parts/02_concepts.md", "it done?", "it done.", "has no question in bold"),
        ("README.md", "<!-- /parts -->", "", "<!-- parts --> and <!-- /parts --> must stand around"),
        ("README.md", "<!-- website -->", "", "<!-- website --> and <!-- /website --> must stand around"),
        ("CITATION.cff", "version:", "edition:", "CITATION.cff: version is missing"),
        ("CITATION.cff", "  year: 2026", "", "CITATION.cff: year is missing"),
    ],
)
def test_what_is_missing_is_said(listed: Path, file: str, old: str, new: str, message: str, capsys) -> None:
    path = listed / file
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    assert contents.main(listed) == 1
    assert message in capsys.readouterr().err


def test_captions_of_parts_are_numbered_as_their_pages() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    captions = [part["caption"] for part in toc["parts"] if part["caption"][0].isdigit()]
    assert [part.caption for part in contents.parts()] == captions
    for part in contents.parts():
        assert part.caption[0] == str(int(part.page[:2]))
        assert all(chapter.startswith(f"{part.page}/") for chapter in part.chapters)


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Count, and stop. More\nwords.", "Count, and stop"),
        (
            "A ``GPT`` of\nwords, see :class:`.GPT` and :func:`~largemodels.a.b`.",
            "A `GPT` of words, see `GPT` and `largemodels.a.b`",
        ),
        ("By He et al., 2016. Then more.", "By He et al., 2016"),
        (None, ""),
    ],
)
def test_summary_is_the_first_sentence(docstring: str | None, sentence: str) -> None:
    assert api_pages.summary(docstring) == sentence


def test_costs_and_scales_name_the_cores_that_a_chapter_gets() -> None:
    assert execute.environment("laptop")["OMP_NUM_THREADS"] == "1"
    assert "A chapter runs on one core of" in tables.RECORDS_INTRODUCTION
    assert "| run on | one core | one core |" in repr(largemodels.start("laptop", 0, smoke={}, laptop={}))


def test_no_page_promises_chapters() -> None:
    """It would have to be rewritten when they come, and nothing would say so."""
    for path in sorted((ROOT / "book").glob("**/*.md")):
        text = " ".join(path.read_text(encoding="utf-8").split())
        found = re.search(
            r"(?:\bchapters|\bpart \d|\bpart|\]\(\S+\)) will\b|parts? [\d, and]+ have chapters", text, re.I
        )
        assert not found, f"{path.name}: “{found[0]}”: say what the part is about instead"


def test_how_to_cite_is_written_once(listed: Path) -> None:
    page = contents.pages(listed)["cite"]
    assert (
        "The authors, Ada Nobody (2026). *A book*, version 0.3.0. This edition has no public address" in page
    )
    assert "  author = {{The authors} and {Ada Nobody}}," in page
    assert "url" not in page
    assert contents.main(listed) == 0
    assert "A published edition is a website." in (listed / "README.md").read_text(encoding="utf-8")

    (listed / "CITATION.cff").write_text(f'{CITATION}url: "https://a.example/book/"\n', encoding="utf-8")
    assert "version 0.3.0. <https://a.example/book/>." in contents.pages(listed)["cite"]
    assert "  url = {https://a.example/book/}" in contents.pages(listed)["cite"]
    assert contents.main(listed) == 0
    assert "The book is a website: <https://a.example/book/>." in (listed / "README.md").read_text("utf-8")


def test_the_cited_version_is_that_of_the_library() -> None:
    assert cite.citation()["version"] == largemodels.__version__
