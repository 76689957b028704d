"""Texts for the excerpts of the search: what is kept of a page that is too long."""

from __future__ import annotations

import pytest
from docutils.core import publish_doctree

from tools import sphinx_search

PAGE = (
    "First\n=====\n\n"
    + "long " * 40
    + "\n\nSecond\n======\n\n"
    + "next " * 40
    + "\n\nThird\n=====\n\nshort\n"
)


def kept(page: str = PAGE) -> dict[str, str]:
    """Prose by anchor."""
    doctree = publish_doctree(page, settings_overrides={"doctitle_xform": False, "report_level": 5})
    return {anchor: prose for anchor, prose, _ in sphinx_search.sections(doctree)}


def test_a_short_page_is_kept_whole() -> None:
    assert [len(prose.split()) for prose in kept().values()] == [40, 40, 1]


def test_beyond_the_limit_each_section_keeps_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx_search, "LIMIT", 120)
    monkeypatch.setattr(sphinx_search, "LEAST", 20)
    assert {anchor: len(prose) for anchor, prose in kept().items()} == {
        "first": 120,
        "second": 20,
        "third": 5,
    }
