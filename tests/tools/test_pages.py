"""The generated pages say what records and notes say, and are written only when that changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from largemodels.book import claims
from tools import cells, notebooks, pages
from tools.audit import Entry
from tools.markdown import literal
from tools.passages import Passage, passages
from tools.source_notes import SourceNote

TITLES = {"05_project/small": "A small chapter"}


@pytest.fixture
def listed(book: Path) -> Path:
    """The small book with a table of contents."""
    (book / "_toc.yml").write_text(
        "root: book/index\nchapters:\n  - file: notebooks/05_project/small\n", encoding="utf-8"
    )
    return book


def note(section: str, verdict: str, claim: str) -> SourceNote:
    return SourceNote("05_project/small", 7, section, verdict, claim, f"It says: {claim}\n\nIt is not so.")


def test_records_page_has_cost_and_claims(record: dict[str, Any]) -> None:
    text = pages.records_page([record], TITLES)
    link = "[A small chapter](/notebooks/05_project/small.ipynb)"
    row = f"| {link} | 71 s | 0.9 GB | shakespeare | laptop | 1 | 2026-11-23 |"
    assert row in text.splitlines()
    assert "| test loss | 1.612 nats | 1.55 to 1.68 |" in text.splitlines()
    assert "All chapters one after the other: 71 s." in text
    assert "Data: shakespeare 0.6." in text  # with its version, below the claims


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("shakespeare 0.6", "shakespeare"),
        ("efficientnet-lite0 0.1.0", "efficientnet-lite0"),
        ("camera of scikit-image 0.26.0", "camera"),
    ],
)
def test_data_have_short_names(data: str, name: str) -> None:
    assert pages.short_name(data) == name


def test_names_of_claims_are_no_markup() -> None:
    name = "$p$ of *all* {math}`x`, {{ x }}, <b>, a_b_, [c](d) | e & #f"
    text = literal(name)
    assert passages(f"| {text} |\n|---|\n") == [Passage(name.replace("|", "|"))]


def test_names_are_no_markup_wherever_they_stand(record: dict[str, Any]) -> None:
    study = {"study": "05_project/a", "rows": [], "executed": "2026-11-24", "processor": "A | B_c_ <d>"}
    assert r"| A \| B\_c\_ \<d\> |" in pages.records_page([record], TITLES, [study])
    audit = pages.audit_page([note("4.5", "wrong", "It costs $5, not $6 *a month*.")], TITLES)
    assert r"**Wrong:** It costs \$5, not \$6 \*a month\*. (" in audit
    linked = pages.records_page([record], {"05_project/small": "A [small](other.ipynb) chapter"})
    assert "[A small chapter](/notebooks/05_project/small.ipynb)" in linked


def test_records_page_says_what_was_verified(record: dict[str, Any]) -> None:
    entry = {"on": "2026-12-01", "rows": [0, 2], "how": "equal to the last digit"}
    study = {"study": "05_project/a", "rows": [{}, {}, {}], "executed": "2026-11-24"}
    old, new = study, study | {"study": "05_project/b", "processor": "A, AVX2", "verified": [{}, entry]}
    lines = pages.records_page([record | {"verified": [entry]}], TITLES, [old, new]).splitlines()
    assert "| `05_project/a` | 3 | unknown | 2026-11-24 | not since |" in lines
    verified = "2026-12-01: rows 0, 2, equal to the last digit"
    assert f"| `05_project/b` | 3 | A, AVX2 | 2026-11-24 | {verified} |" in lines
    assert any(
        line.endswith("Verified on 2026-12-01: executed again, with the same claims.") for line in lines
    )


def test_records_page_adds_up_and_escapes(record: dict[str, Any]) -> None:
    claim = {"name": "p(a | b)", "value": 1234.5678, "low": 1.0, "high": 2e6, "unit": ""}
    second = record | {"chapter": "01_history/b", "seconds": 100.0, "claims": [claim]}
    text = pages.records_page([record, second], TITLES | {"01_history/b": "B | C"})
    assert r"| p(a \| b) | 1235 | 1 to 2e+06 |" in text
    assert r"[B \| C](" in text
    assert "1.7 min" in text
    assert "All chapters one after the other: 2.9 min." in text


def test_pages_without_content_say_so() -> None:
    assert "No chapter has been executed yet." in pages.records_page([], {})
    assert "There is no note yet." in pages.audit_page([], {})


def test_audit_page_is_sorted_by_section_and_line() -> None:
    notes = [
        note("10", "right", "last"),
        note("5.1", "wrong", "fifth"),
        note("4.5", "wrong", "fourth"),  # without a line
        replace(note("4.5", "wrong", "third"), line=100),
        replace(note("4.5", "right", "second"), line=20),
    ]
    text = pages.audit_page(notes, TITLES, [Entry("4.5", 9, "first", "right", "It is so.")])
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Section 4.5: a worked example",
        "## Section 5.1: environment and data",
        "## Section 10: further reading",
    ]
    places = [text.index(f":** {it}") for it in ("first", "second", "third", "fourth", "fifth", "last")]
    assert places == sorted(places)
    assert "**Wrong:** third ([A small chapter](/notebooks/05_project/small.ipynb))" in text
    assert "> It says: third\n>\n> It is not so." in text


def test_audit_page_counts_verdicts_a_section() -> None:
    notes = [note("4.5", "wrong", "a"), note("4.5", "wrong", "b"), note("10", "right", "c")]
    entries = [Entry("4.5", 1, "d", "unsupported", "We found none."), Entry("10", 1, "e", "right", "It is.")]
    lines = pages.audit_page(notes, TITLES, entries).splitlines()
    assert "| Section | wrong | imprecise | unsupported | right | all |" in lines
    assert "| 4.5 a worked example | 2 | 0 | 1 | 0 | 3 |" in lines
    assert "| 10 further reading | 0 | 0 | 0 | 2 | 2 |" in lines
    assert "| **all sections** | **2** | **0** | **1** | **2** | **5** |" in lines


def test_an_entry_shows_all_its_proofs(record: dict[str, Any]) -> None:
    entry = Entry(
        "4.5", 357, "It costs $5.", "wrong", "A *source* says.\n", "05_project/small", ("test loss",), "a_sum"
    )
    text = pages.audit_page([], TITLES, [entry], {"05_project/small": record})
    assert r"**Wrong:** It costs \$5. ([A small chapter](/notebooks/05_project/small.ipynb))" in text
    claimed = "The chapter claims: test loss, 1.612 nats, within 1.55 to 1.68."
    assert f"> A *source* says. {claimed} A test of the book checks this." in text
    alone = pages.audit_page([], TITLES, [replace(entry, proof="", shows=(), test="")])
    assert "> The chapter shows it.\n" in alone


def test_only_changed_pages_are_written(listed: Path) -> None:
    assert pages.write(listed) == 3
    assert pages.write(listed) == 0
    (listed / "book" / "generated" / "records.md").write_text("old", encoding="utf-8")
    assert pages.write(listed) == 1
    assert "A model can be perfect." in (listed / "book" / "generated" / "audit.md").read_text(
        encoding="utf-8"
    )


def test_chapters_outside_the_contents_are_left_out(listed: Path) -> None:
    pages.write(listed)
    (listed / "_toc.yml").write_text("root: book/index\n", encoding="utf-8")
    assert pages.listed_chapters(listed) == []
    assert pages.write(listed) == 3
    for page in (listed / "book" / "generated").glob("*.md"):
        assert "small" not in page.read_text(encoding="utf-8")


def test_the_audit_shows_the_table(listed: Path) -> None:
    (listed / "data" / "audit.toml").write_text(
        '[[entry]]\nsection = "9"\nline = 7\nverdict = "right"\nclaim = "All is well."\nproof = "It is."\n'
        '[[entry]]\nsection = "9"\nline = 8\nverdict = "right"\nclaim = "Of another edition."\n'
        'chapter = "01_history/other"\n',
        encoding="utf-8",
    )
    pages.write(listed)
    text = (listed / "book" / "generated" / "audit.md").read_text(encoding="utf-8")
    assert "All is well." in text
    assert "Of another edition." not in text


def test_a_notebook_saved_after_exploring_is_not_in_the_book(listed: Path) -> None:
    path = notebooks.path_of("05_project/small", listed)
    text = path.read_text(encoding="utf-8")
    changed = text.replace("within [1.55, 1.68]", f"outside [1.55, 1.68]: {claims.OUTSIDE}")
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    message = r"cell 6: shows a claim outside its bounds.*; run make chapter CH=05_project/small"
    with pytest.raises(ValueError, match=message):
        pages.write(listed)
    assert [index for index, text in cells.faults(notebooks.read(path)) if cells.EXPLORED in text] == [6]
