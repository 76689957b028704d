"""The pages' own fonts, and what happens to a page where they do not arrive."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser

from tests.book import browsers, checks
from tools import sphinx_fonts

SHEET = """@font-face { font-family: "Fira Sans"; src: url("fonts/FiraSans-Regular.woff2") }
p { font: 16px "Fira Sans", sans-serif; white-space: nowrap; margin: 0 }"""
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/fonts.css"></head>
<body style="margin: 0"><main><article><p>{text}</p></article></main></body></html>"""


@pytest.fixture(scope="module")
def faces() -> dict[str, Path]:
    """The fonts by name."""
    return {path.stem: path for path in sphinx_fonts.faces()}


def test_fonts_are_small_and_have_what_the_book_writes_with(faces: dict[str, Path]) -> None:
    assert set(faces) == {name for names in sphinx_fonts.FACES.values() for name in names}
    assert sum(path.stat().st_size for path in faces.values()) < 400_000
    for name, path in faces.items():
        characters = TTFont(path).getBestCmap()
        assert not [c for c in "AZaz09éßçŁőαβγδεθλμπσφωΔΣΩ–—…“”·×−≤≥≈∞√→←€" if ord(c) not in characters], name
    code = TTFont(faces["JetBrainsMono"])
    assert not [c for c in range(0x2500, 0x2580) if c not in code.getBestCmap()], "signs to draw boxes with"
    widths = {code["hmtx"][name][0] for number, name in code.getBestCmap().items() if 32 <= number < 0x2580}
    assert {width / code["head"].unitsPerEm for width in widths} <= {0.6, 0}


def test_fonts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def cut(source: Path, target: Path) -> None:
        made.append(target.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")

    monkeypatch.setattr(sphinx_fonts, "cut", cut)
    assert sphinx_fonts.faces(tmp_path) == sphinx_fonts.faces(tmp_path)
    assert len(made) == 6
    monkeypatch.setattr(sphinx_fonts, "CHARACTERS", [65])
    sphinx_fonts.faces(tmp_path)
    assert len(made) == 12


def test_what_fits_in_its_own_font_alone_is_found(
    browser: Browser, tmp_path: Path, faces: dict[str, Path]
) -> None:
    (tmp_path / "_static" / "fonts").mkdir(parents=True)
    shutil.copy(faces["FiraSans-Regular"], tmp_path / "_static" / "fonts")
    (tmp_path / "_static" / "fonts.css").write_text(SHEET, encoding="utf-8")
    (tmp_path / "page.html").write_text(
        PAGE.format(text="narrow letters " * 3 + "in a line"), encoding="utf-8"
    )
    with checks.served(tmp_path) as base, checks.opened(browser, base, "page.html") as visit:
        assert visit.page.evaluate("() => document.fonts.ready.then(() => document.fonts.size)") == 1
        assert checks.overflow(visit.page, checks.PHONE) == []
        found = checks.overflow_in_other_fonts(visit.page)
    assert found and all(fault.startswith("in other fonts, 390 px: ") for fault in found)


def test_the_browser_is_named_and_an_old_one_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert browsers.described().startswith(("Chromium", "Google Chrome"))
    assert browsers.too_old("Chromium 156.0.8078.108") == ""
    assert "too old" in browsers.too_old("Chromium 97.0.4692.71")
    monkeypatch.setenv(browsers.VARIABLE, "no-such-browser")
    assert "no-such-browser: there is no such program" in browsers.described()
    monkeypatch.delenv(browsers.VARIABLE)
    monkeypatch.setenv("PATH", "")
    assert "apt install chromium" in browsers.described()
