"""A printed chapter: all of its code, no empty boxes, black on white, without folded cells and screen controls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pypdfium2
import pytest
from playwright.sync_api import Browser

from tests.book import checks
from tools import notebooks

CHAPTER = "05_project/pretraining"
FULL = 0.5  # least filled share of a page's height, even if the next page begins with a figure, which cannot be split


@dataclass
class Print:
    """A printed chapter."""

    text: str  # without spaces, since lines may break anywhere
    pages: list[np.ndarray]  # brightness of each, (height, width)


def close(text: str) -> str:
    """Text without spaces."""
    return re.sub(r"\s", "", text)


def printed(browser: Browser, base: str, name: str, *, unfold: bool = False) -> Print:
    """Print on A4 a page that is shown in dark mode."""
    with checks.opened(browser, base, name, theme="dark") as visit:
        assert checks.formulas(visit.page) == []
        if unfold:
            visit.page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
        document = pypdfium2.PdfDocument(
            visit.page.pdf(format="A4", prefer_css_page_size=True, print_background=True)
        )
    text = "".join(page.get_textpage().get_text_bounded() for page in document)
    text = text.replace("\ufffe", "-")  # what PDFium makes of a hyphen at the end of a line
    return Print(
        close(text), [page.render(scale=0.5, grayscale=True).to_numpy().squeeze() for page in document]
    )


@pytest.fixture(scope="module")
def paper(browser: Browser, base: str) -> Iterator[Print]:
    """The chapter."""
    yield printed(browser, base, f"notebooks/{CHAPTER}.html")


def code(*, folded: bool) -> list[str]:
    """The lines of the chapter's code that the page shows, or those that it folds."""
    cells = notebooks.read(notebooks.path_of(CHAPTER)).cells
    first_section = next(i for i, cell in enumerate(cells) if cell.source.startswith("## "))
    chosen = [
        cell
        for i, cell in enumerate(cells)
        if cell.cell_type == "code" and (i < first_section or "hide-cell" in notebooks.tags(cell)) == folded
    ]
    return [line for cell in chosen for line in cell.source.splitlines() if line.strip()]


def test_every_line_of_code_is_there_to_its_end(paper: Print) -> None:
    lines = code(folded=False)
    assert len(max(lines, key=len)) > 85, "no line is long enough to be cut off"
    assert [line for line in lines if close(line) not in paper.text] == []


def test_no_page_is_empty_or_ends_early(paper: Print) -> None:
    assert len(paper.pages) > 5
    for number, page in enumerate(paper.pages[:-1], start=1):
        rows = np.flatnonzero((page < 200).mean(axis=1) > 0.01)  # letters, not the border of an empty box
        assert rows.size, f"page {number} is empty"
        assert rows[-1] > FULL * page.shape[0], f"page {number} ends early"
        gap = np.diff(rows).max()
        assert gap < 0.25 * page.shape[0], f"page {number} has a hole"


def test_paper_is_white_after_dark_mode(paper: Print) -> None:
    for number, page in enumerate(paper.pages, start=1):
        assert np.median(page) > 230, f"page {number} is dark"


def test_what_is_folded_and_what_is_for_screens_is_left_out(
    paper: Print, browser: Browser, base: str
) -> None:
    for words in ("Show the", "Hide the", "previous", "Skip to main", "Copy to clipboard", "Search"):
        assert close(words) not in paper.text
    shown = close("".join(code(folded=False)))  # a solution may repeat a line of the chapter
    long = [line for line in code(folded=True) if len(line) > 40 and close(line) not in shown]
    assert long and not [line for line in long if close(line) in paper.text]
    opened = printed(browser, base, f"notebooks/{CHAPTER}.html", unfold=True)
    assert not [line for line in long if close(line) not in opened.text]
