"""The checks of built pages find a fault that is planted in a page, and nothing in a page without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.book import checks

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>body {{ color: #111; background: #fff }} {style}</style></head>
<body><main><h1 id="top">A page</h1><article><p>Text with $5 in it. <a href="#top">Up</a></p>{body}</article></main>
</body></html>"""

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def code(more: str) -> str:
    """A piece of code, as Sphinx writes it."""
    return (
        f'<div class="highlight"><pre><span class="k">if</span> <span class="k">not</span> {more}</pre></div>'
    )


FAULTS = {
    "script from elsewhere": ('<script src="https://example.org/a.js"></script>', "request to another host"),
    "picture from elsewhere, later": (
        '<img alt="A curve that falls" src="https://example.org/a.png" loading="lazy" style="margin-top: 9000px">',
        "request to another host",
    ),
    "request by a script": ('<script>fetch("https://example.org/a").catch(() => 0)</script>', "another host"),
    "error in a script": ("<script>undefinedFunction()</script>", "console error: undefinedFunction"),
    "missing file": ('<script src="missing.js"></script>', "console error"),
    "display formula as text": ("<p>$$a + b$$</p>", "left as text: $$"),
    "inline formula as text": (r"<p>$x_{t}$</p>", "left as text: $x_{t}$"),
    "table as text": ("<p>| a | b | | --- | —: | | 1 | 2 |</p>", "left as text: | --- |"),
    "role as text": ("<p>{doc}<code>page</code> and {cite:p}`a`</p>", "left as text: {cite:p}`"),
    "emphasis as text": ("<p>**really**</p>", "left as text: **r"),
    "wide block": ('<div style="width: 500px">wide</div>', "390 px: "),
    "wide block, cut off": (
        '<div style="overflow: hidden"><p style="width: 600px">wide</p></div>',
        "390 px: ",
    ),
    "long word": (f"<p>{'a' * 300}</p>", "1280 px: "),
    "no alternative text": (f'<img src="{PIXEL}">', "without an alternative text"),
    "file name as alternative text": (f'<img src="{PIXEL}" alt="a.png">', "without an alternative text"),
    "button without a name": ("<button></button>", "axe button-name (critical)"),
    "pale text": ('<p style="color: #bbb">pale</p>', "axe color-contrast (serious)"),
    "pale second text": (
        "<style>.pair p + p { color: #bbb }</style><div class='pair'><p>dark</p><p>pale</p></div>",
        "axe color-contrast (serious)",
    ),
    "pale code": (code('<span style="color: #bbb">pale</span>'), "axe color-contrast (serious)"),
    "code on a ground like its colour": (
        f'{code("")}<div style="background: #333; color: #111">{code("")}</div>',
        "axe color-contrast (serious)",
    ),
}


def faults_of(folder: Path, browser: Browser, body: str, style: str = "") -> list[str]:
    (folder / "page.html").write_text(PAGE.format(body=body, style=style), encoding="utf-8")
    with checks.served(folder) as base:
        return checks.page_faults(browser, base, "page.html")


def test_a_page_without_a_fault_passes(tmp_path: Path, browser: Browser) -> None:
    scrolling = '<div tabindex="0" style="overflow-x: auto"><p style="width: 500px">wide</p></div>'
    picture = f'<img src="{PIXEL}" alt="The loss falls from step to step">'
    assert faults_of(tmp_path, browser, scrolling + picture) == []


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_found(name: str, tmp_path: Path, browser: Browser) -> None:
    body, expected = FAULTS[name]
    found = faults_of(tmp_path, browser, body)
    assert any(expected in line for line in found), found


def test_fault_of_dark_mode_is_found(tmp_path: Path, browser: Browser) -> None:
    style = "html[data-theme=dark] body { background: #111 }"
    found = faults_of(tmp_path, browser, "", style)
    assert any(line.startswith("in dark mode: axe color-contrast") for line in found), found


def test_formula_without_mathjax_is_found(tmp_path: Path, browser: Browser) -> None:
    body = r'<p class="math">\(a\)</p>'
    (tmp_path / "page.html").write_text(PAGE.format(body=body, style=""), encoding="utf-8")
    with checks.served(tmp_path) as base, checks.opened(browser, base, "page.html") as visit:
        assert checks.formulas(visit.page, timeout_ms=300) == ["1 formulas and no MathJax"]


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    links = (
        '<a href="gone.html">a</a> <a href="#nowhere">b</a> <a href="#top">c</a> <img src="gone.png" alt="x">'
    )
    page.write_text(PAGE.format(body=links, style=""), encoding="utf-8")
    assert checks.internal_links(page) == [
        "page.html: link to gone.html, which is not there",
        "page.html: link to #nowhere, which is not there",
        "page.html: link to gone.png, which is not there",
    ]
