"""The table of the audit: its form, its proofs, and that nothing is in it twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.examples import NOTED
from tools import audit, notebooks
from tools.audit import Entry
from tools.source_notes import SECTIONS

GOOD = {
    "section": "4.5",
    "line": 357,
    "verdict": "wrong",
    "claim": "The sum is 4.",
    "proof": "It is 3, says {cite}`adams1979`.",
    "chapter": "05_project/small",
    "shows": ["test loss"],
    "test": "sum",
}


@pytest.fixture
def kept(book: Path) -> Path:
    """The small book with a bibliography and a test."""
    (book / "book" / "references.bib").write_text(
        "@book{adams1979, author = {A}, title = {B}, url = {https://example.org/}}\n", encoding="utf-8"
    )
    (book / "tests").mkdir(exist_ok=True)
    (book / "tests" / "test_article.py").write_text("def test_sum() -> None: ...\n", encoding="utf-8")
    return book


def write(book: Path, *rows: dict[str, Any]) -> None:
    """Write the table; JSON is TOML here."""
    lines = [line for row in rows for line in ("[[entry]]", *(f"{it} = {json.dumps(row[it])}" for it in row))]
    (book / "data" / "audit.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def changed(**fields: Any) -> dict[str, Any]:
    """The good entry with other fields; None removes one."""
    return {name: value for name, value in (GOOD | fields).items() if value is not None}


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        changed(chapter=None, shows=None, test=None),  # a source alone
        changed(proof=None, shows=None, test=None),  # a chapter alone
        changed(proof=None, chapter=None, shows=None),  # a test alone
        changed(proof="The loss is 1.61 nats."),  # the value of the chapter's claim
        changed(proof="It is $2.5$."),
    ],
)
def test_a_good_entry(row: dict[str, Any], kept: Path) -> None:
    write(kept, row)
    assert audit.problems(kept) == []
    (entry,) = audit.entries(kept)
    assert entry == Entry(**{**row, "shows": tuple(row.get("shows", ()))})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"section": None}, "lacks section"),
        ({"verdict": None, "line": None}, "lacks line, verdict"),
        ({"remark": "more"}, "has an unknown field remark"),
        ({"section": 4.5}, "has a section of the wrong type; give str"),
        ({"line": "357"}, "has a line of the wrong type; give int"),
        ({"line": True}, "has a line of the wrong type; give int"),
        ({"shows": "test loss"}, "has a shows of the wrong type; give list"),
        ({"shows": [1]}, "has names of claims that are no text"),
        ({"section": "4.6"}, "names section '4.6', which the article does not have"),
        ({"line": 0}, "names line 0; lines are counted from 1"),
        ({"verdict": "false"}, "has the verdict 'false'; choose wrong, imprecise, unsupported, right"),
        ({"claim": " "}, "must state the article's claim in one line"),
        ({"claim": "one\ntwo"}, "must state the article's claim in one line"),
        ({"claim": "随着人工智能技术的飞速发展模型"}, "contains a run of Chinese"),
        ({"proof": "随着人工智能技术的飞速发展模型"}, "contains a run of Chinese"),
        ({"proof": " ", "chapter": "", "shows": None, "test": None}, "has no proof"),
        ({"proof": "Says {cite}`brown1980`."}, "cites brown1980, which is not in book/references.bib"),
        ({"proof": "See [a page](other.md)."}, "links to other.md; cite an entry"),
        ({"proof": "See https://example.org/."}, "links to https://example.org/; cite an entry"),
        ({"proof": "One.\n\nTwo."}, "has a proof of more than one paragraph"),
        ({"proof": "# One"}, "has a proof of more than one paragraph"),
        ({"chapter": "05_project/other", "shows": None}, "names the chapter 05_project/other, which is not"),
        ({"chapter": None}, "shows 'test loss', which the chapter does not claim"),
        ({"shows": ["loss"]}, "shows 'loss', which the chapter does not claim"),
        ({"test": "product"}, "names the test product; tests/test_article.py has no test_product"),
        ({"proof": "It is 3.5 % less."}, "is neither a claim's value nor cited"),
        (NOTED | {"shows": None}, "has a note in 05_project/small; remove the entry"),
        ({"claim": "a MODEL can be perfect"}, "has a note in 05_project/small; remove the entry"),
    ],
)
def test_a_fault_is_said_in_one_line(fields: dict[str, Any], said: str, kept: Path) -> None:
    write(kept, changed(claim="Another.", proof="It is so.", test=None), changed(**fields))
    found = audit.problems(kept)
    assert len(found) == 1, found
    assert f"{audit.TABLE.as_posix()}, entry 1 (" in found[0]
    assert said in found[0]
    assert "\n" not in found[0]


@pytest.mark.parametrize("fields", [{"section": None}, {"remark": "more"}, {"line": "357"}])
def test_a_malformed_entry_is_not_shown(fields: dict[str, Any], kept: Path) -> None:
    write(kept, changed(**fields))
    with pytest.raises(ValueError, match="entry 0"):
        audit.entries(kept)


@pytest.mark.parametrize(("text", "said"), [("[[entry", "audit.toml"), ("[[row]]\n", "row is no")])
def test_a_file_that_is_no_table(text: str, said: str, kept: Path) -> None:
    (kept / "data" / "audit.toml").write_text(text, encoding="utf-8")
    (found,) = audit.problems(kept)
    assert said in found
    with pytest.raises(ValueError, match=said):
        audit.entries(kept)


def test_a_claim_is_there_once(kept: Path) -> None:
    write(kept, GOOD, changed(section="4.4"), changed(claim="The sum is 4!"))
    (found,) = audit.problems(kept)
    assert "entry 2 (The sum is 4!): is there twice" in found


def test_without_a_table_there_are_no_entries(kept: Path) -> None:
    assert audit.entries(kept) == []
    assert audit.problems(kept) == []


def test_an_edition_leaves_out_what_other_chapters_show(kept: Path) -> None:
    write(kept, GOOD, changed(claim="Another.", chapter="01_history/other"))
    assert [entry.claim for entry in audit.entries(kept)] == [GOOD["claim"]]


def test_the_table_of_the_book() -> None:
    assert audit.problems() == []


def test_the_table_is_in_the_articles_order() -> None:
    sections = list(SECTIONS)
    order = [(sections.index(entry.section), entry.line) for entry in audit.entries()]
    assert order == sorted(order)


def test_every_entry_is_of_a_chapter_that_is_there() -> None:
    assert {entry.chapter for entry in audit.entries()} - {""} <= set(notebooks.chapters())


def test_sections_are_in_the_articles_order() -> None:
    numbers = [[int(part) for part in section.split(".")] for section in SECTIONS]
    assert numbers == sorted(numbers)
