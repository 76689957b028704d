"""Every page of the built book as a reader's browser shows it, with the network cut off."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect
from sphinx_external_toc.parsing import parse_toc_yaml

from tests.book import checks
from tests.book.conftest import ROOT
from tools import citations, notebooks, prose, records
from tools.passages import passages

CONTENTS = sorted(parse_toc_yaml(ROOT / "_toc.yml"))
PAGES = [f"{name}.html" for name in [*CONTENTS, "search", "genindex", "py-modindex"]]
CHAPTERS = [name for name in CONTENTS if name.startswith("notebooks/")]


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_fault(name: str, browser: Browser, base: str) -> None:
    faults = checks.page_faults(browser, base, name)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", [*PAGES, "index.html"])
def test_links_inside_the_book_lead_somewhere(name: str, site: Path) -> None:
    faults = checks.internal_links(site / name)
    assert not faults, "\n".join(faults)


@pytest.mark.seconds(1000)  # first of all, so that the book is rendered while other workers do other tests
def test_no_page_is_left_over(site: Path) -> None:
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {name for name in built if not name.startswith(("_static/", "_sources/"))} == {
        *PAGES,
        "index.html",
    }


@pytest.mark.parametrize("name", CHAPTERS)
def test_search_finds_a_chapter_by_a_word_of_its_title(name: str, browser: Browser, base: str) -> None:
    heading = nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells[0].source.splitlines()[0]
    word = max(re.findall(r"\w+", heading), key=len)
    with checks.opened(browser, base, "index.html") as visit:
        page = visit.page
        page.wait_for_url("**/book/index.html", wait_until="load")  # the root leads there
        page.wait_for_function("() => document.readyState === 'complete'")
        page.locator(".search-button-field:visible, .search-button:visible").first.click()
        page.locator("input[name=q]:visible").fill(word)
        page.keyboard.press("Enter")
        expect(page.locator(".search-summary")).to_contain_text("found")
        result = page.locator(f"ul.search a[href*='{name}.html']").first
        expect(result).to_be_visible()
        result.press("Enter")  # a click can miss: excerpts still arrive and move the list
        expect(page.locator("h1").first).to_contain_text(word)


def test_the_book_works_from_the_disk(browser: Browser, site: Path) -> None:
    base = f"{site.as_uri()}/"
    with checks.opened(browser, base, "book/notation.html") as visit:
        assert checks.formulas(visit.page) == []
        visit.page.evaluate("() => document.fonts.ready.then(() => true)")
        loaded = "() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
        assert {"MJXTEX", "MJXTEX-I", "Font Awesome 6 Free"} <= set(visit.page.evaluate(loaded))
    with checks.opened(browser, base, "search.html?q=notation") as visit:
        expect(visit.page.locator("ul.search a[href*='notation.html']").first).to_be_visible()


def _ground(page: Page) -> float:
    """Brightness of the page's ground, 0 to 255."""
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    red, green, blue = (float(value) for value in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


def test_dark_mode_can_be_switched_on_and_stays(browser: Browser, base: str) -> None:
    with checks.opened(browser, base, "book/how.html") as visit:
        page = visit.page
        assert _ground(page) > 200
        for _ in range(3):  # light, dark, as the system says
            if page.evaluate("() => document.documentElement.dataset.mode") == "dark":
                break
            page.locator("button.theme-switch-button:visible").first.click()
        assert _ground(page) < 60
        assert not visit.console


@pytest.mark.parametrize("name", CHAPTERS)
def test_solutions_are_folded_code_can_be_copied_and_the_notebook_downloaded(
    name: str, browser: Browser, base: str, site: Path
) -> None:
    with checks.opened(browser, base, f"{name}.html") as visit:
        page = visit.page
        solutions = page.locator(".cell.tag_solution details")
        assert solutions.count() == page.locator(".cell.tag_solution").count() > 0
        first = solutions.first
        expect(first.locator("pre").first).to_be_hidden()
        assert first.locator("summary").inner_text().strip() == "Show the solution"
        first.locator("summary").click()
        expect(first.locator("pre").first).to_be_visible()
        cells = page.locator(".cell_input")
        assert page.locator(".cell_input button.copybtn").count() == cells.count() > 0
        link = page.locator(".dropdown-download-buttons a[href$='.ipynb']").first.get_attribute("href")
        assert link is not None
        downloaded = (site / f"{name}.html").parent / link
        assert downloaded.read_bytes() == (ROOT / f"{name}.ipynb").read_bytes()


def test_without_an_address_there_is_no_dead_button(site: Path) -> None:
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    if '  url: ""' not in config:
        pytest.fail("_config.yml has an address; commit it without one, publishing writes it")
    for name in PAGES:
        text = (site / name).read_text(encoding="utf-8")
        for button in ("colab.research.google.com", "mybinder.org", "/edit/main", "/issues/new"):
            assert button not in text, f"{name} has a link to {button}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_page_marks_the_numbers_that_the_check_lets_through_as_claimed(name: str, site: Path) -> None:
    notebook = notebooks.read(ROOT / f"{name}.ipynb")
    record = records.load(name.removeprefix("notebooks/"))
    cited = citations.bibliography().cited
    texts = [prose.checked_text(index, cell) for index, cell in enumerate(notebook.cells)]
    every = [passage for text in texts for passage in passages(text)]
    read = [
        one for passage in every for one in prose.readings(passage, record["claims"] if record else [], cited)
    ]
    page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    marked = [tag.get_text().split()[0] for tag in page.select(".claimed-number")]
    # Sorted: the notes on the source stand elsewhere on the page.
    assert sorted(marked) == sorted(one.number.text.split()[0] for one in read if one.claims)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_opens_folded_and_prints_no_claims(name: str, site: Path) -> None:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    assert "claim · " not in text
    page = BeautifulSoup(text, "html.parser")
    (opening,) = page.select(".fold-opening details")
    first, second, third, *others = (cell["class"][1] for cell in opening.select(".cell"))
    assert (first, second, third) == ("tag_setup", "tag_parameters", "tag_settings")
    assert set(others) <= {"tag_hide-cell"}  # what the first picture needs
    for link in page.select("a.claimed-number"):
        assert page.find(id=str(link["href"])[1:]), f"no cell {link['href']}"
