"""The page of search results: chapters first, each page with an excerpt, from a server and from the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.book import checks

RESULTS = """() => [...document.querySelectorAll('ul.search > li')].map(item => ({
  page: item.querySelector('a').getAttribute('href'),
  excerpt: item.querySelector('p.context')?.textContent || '',
  marked: [...item.querySelectorAll('mark')].map(e => e.textContent.toLowerCase()),
  name: !!item.querySelector('span'),
}))"""


def rank(page: str) -> int:
    """0 for chapters, 2 for the library's pages and the costs, 1 for the others."""
    if page.startswith("notebooks/"):
        return 0
    return 2 if page.startswith(("book/api/", "book/generated/")) else 1


@pytest.mark.parametrize("origin", ["server", "disk"])
@pytest.mark.parametrize(("query", "word"), [("attention", "attention"), ("learning rates", "rate")])
def test_chapters_come_first_and_pages_have_an_excerpt(
    origin: str, query: str, word: str, browser: Browser, base: str, site: Path
) -> None:
    address = base if origin == "server" else f"{site.as_uri()}/"
    with checks.opened(browser, address, f"search.html?q={query.replace(' ', '+')}") as visit:
        expect(visit.page.locator(".search-summary")).to_contain_text("found")
        expect(visit.page.locator("ul.search p.context").first).to_be_visible()
        results = visit.page.evaluate(RESULTS)
        # From the disk the theme's early loading of its icons fails; they are loaded again and show.
        problems = [fault for fault in checks.console_errors(visit) if "fontawesome" not in fault]
        problems += checks.outside_requests(visit)
        problems += checks.accessibility(visit.page) + checks.overflow(visit.page, checks.PHONE)
    assert problems == []
    ranks = [rank(result["page"]) for result in results]
    assert ranks == sorted(ranks)
    assert {0, 1, 2} == set(ranks)
    pages = [result for result in results if not result["name"]]
    assert all(20 < len(result["excerpt"]) < 300 for result in pages)
    with_words = [result for result in pages if any(w.startswith(word) for w in result["marked"])]
    assert len(with_words) > 0.8 * len(pages), [r["page"] for r in pages if r not in with_words]


def test_an_excerpt_is_of_the_section_that_was_found(browser: Browser, base: str) -> None:
    with checks.opened(browser, base, "search.html?q=what+a+prediction+costs") as visit:
        expect(visit.page.locator("ul.search p.context").first).to_be_visible()
        first = visit.page.evaluate(RESULTS)[0]
    assert first["page"] == "notebooks/05_project/pretraining.html#what-a-prediction-costs"
    assert "What some model predicts after each input" in first["excerpt"]


def test_a_word_that_is_nowhere_is_answered_in_words(browser: Browser, base: str) -> None:
    with checks.opened(browser, base, "search.html?q=xyzzyx") as visit:
        expect(visit.page.locator(".search-summary")).to_contain_text("did not match")
        assert not visit.console
