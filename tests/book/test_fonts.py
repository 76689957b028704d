"""The pages use the fonts that come with them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser

from tests.book import checks

LOADED = """() => document.fonts.ready.then(
  () => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family.replaceAll('"', '')))"""


@pytest.mark.parametrize("origin", ["server", "disk"])
def test_text_and_code_are_set_in_the_book_s_fonts(
    origin: str, browser: Browser, base: str, site: Path
) -> None:
    address = base if origin == "server" else f"{site.as_uri()}/"
    with checks.opened(browser, address, "notebooks/05_project/pretraining.html") as visit:
        assert {"Fira Sans", "JetBrains Mono"} <= set(visit.page.evaluate(LOADED))
        for selector, family in (
            ("article p", "Fira Sans"),
            ("h1", "Fira Sans"),
            ("article pre", "JetBrains Mono"),
        ):
            style = "(e) => getComputedStyle(e).fontFamily"
            assert visit.page.locator(selector).first.evaluate(style).startswith(f'"{family}"'), selector
        assert not visit.outside


def test_every_latin_and_greek_letter_of_the_book_is_in_its_font(site: Path) -> None:
    folder = site / "_static" / "fonts"
    text, code = (
        set(TTFont(folder / f"{name}.woff2").getBestCmap()) for name in ("FiraSans-Regular", "JetBrainsMono")
    )
    missing = {}
    for path in [*site.glob("book/**/*.html"), *site.glob("notebooks/**/*.html")]:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        inside = "".join(it.extract().get_text() for it in page.select("pre, code"))
        for said, font in ((inside, code), (page.get_text(), text)):
            for letter in set(said):
                script = unicodedata.name(letter, "").partition(" ")[0]
                if script in ("LATIN", "GREEK") and ord(letter) not in font:
                    missing[letter] = path.name
    assert not missing, "add these to CHARACTERS in tools/sphinx_fonts.py, or choose another font"
