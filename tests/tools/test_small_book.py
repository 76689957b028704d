"""Pages of a small book with what is hard on a phone: a wide table, a wide figure, figures with captions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4
from playwright.sync_api import Browser

from tests.book import checks
from tests.tools.examples import PICTURE, code, markdown
from tools import notebooks
from tools.notebooks import ROOT

PROGRAM = """
import pathlib, sys
from tools import render
root = pathlib.Path(sys.argv[1])
sys.exit(render.build(root, root / "_build" / "html", {}) is False)
"""
COLUMNS = [f"a_long_name_{number}" for number in range(12)]
MARKDOWN_TABLE = "\n".join(
    f"| {' | '.join(row)} |"
    for row in (COLUMNS, ["---"] * len(COLUMNS), [f"{0.123456789:.9f}"] * len(COLUMNS))
)
HTML_TABLE = (
    '<table class="dataframe"><thead><tr>'
    + "".join(f"<th>{name}</th>" for name in COLUMNS)
    + "</tr></thead><tbody><tr>"
    + "<td>0.123456789</td>" * len(COLUMNS)
    + "</tr></tbody></table>"
)
TEXT = """# A chapter

As Figure 2 shows, and Figure 1 before it. There is no Figure 3, and `Figure 1` is code.

"""


def drawn(caption: str):
    """A cell with a picture, and a caption."""
    mystnb = {"image": {"alt": "The loss falls from step to step."}} | (
        {"figure": {"caption": caption}} if caption else {}
    )
    output = v4.new_output("display_data", data={"image/png": PICTURE, "text/plain": "<Figure>"})
    return code("draw()", output, mystnb=mystnb)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered book."""
    root = tmp_path_factory.mktemp("small-book")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    (root / "book" / "references.bib").write_text("@misc{a, title = {A}}\n", encoding="utf-8")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/01_part/small\n", encoding="utf-8"
    )
    (root / "book" / "index.md").write_text(f"# The book\n\n{MARKDOWN_TABLE}\n", encoding="utf-8")
    shown = v4.new_output("display_data", data={"text/html": HTML_TABLE, "text/plain": "a table"})
    cells = [
        markdown(TEXT + MARKDOWN_TABLE),
        code("table", shown),
        drawn("Loss against steps, with $\\eta = 1$."),
        drawn(""),
        drawn("Loss of the second model, as in Figure 1."),
    ]
    path = root / "notebooks" / "01_part" / "small.ipynb"
    path.parent.mkdir(parents=True)
    notebooks.write(path, notebooks.normalise(v4.new_notebook(cells=cells)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return root / "_build" / "html"


@pytest.mark.parametrize("name", ["book/index.html", "notebooks/01_part/small.html"])
def test_a_wide_table_scrolls_in_its_box_by_keyboard_too(name: str, pages: Path, browser: Browser) -> None:
    with checks.served(pages) as base, checks.opened(browser, base, name) as visit:
        page = visit.page
        assert checks.overflow(page, checks.PHONE) == []
        tables = page.locator("article table")
        assert tables.count() == (1 if "index" in name else 2)
        for number in range(tables.count()):
            box = tables.nth(number).locator(
                "xpath=ancestor::*[contains(@class, 'scrollable') or contains(@class, 'output ')][1]"
            )
            assert box.evaluate("e => e.scrollWidth > e.clientWidth + 100")
            assert box.evaluate("e => e.tabIndex") == 0
            box.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(300)
            assert box.evaluate("e => e.scrollLeft") > 0
        assert checks.accessibility(page) == []
        assert checks.overflow_in_other_fonts(page) == []


def test_figures_with_a_caption_are_numbered_and_the_text_leads_to_them(
    pages: Path, browser: Browser
) -> None:
    with checks.served(pages) as base, checks.opened(browser, base, "notebooks/01_part/small.html") as visit:
        page = visit.page
        assert checks.formulas(page) == []
        captions = [text.replace("#", "").strip() for text in page.locator("figcaption").all_inner_texts()]
        assert captions[0].startswith("Figure 1. Loss against steps, with")
        assert captions[1] == "Figure 2. Loss of the second model, as in Figure 1."
        links = page.locator("article p a.reference.internal")
        assert links.all_inner_texts() == ["Figure 2", "Figure 1"]
        links.first.click()
        target = page.evaluate(
            "() => document.querySelector(location.hash).querySelector('figcaption').innerText"
        )
        assert target.startswith("Figure 2.")
        assert page.locator("article img").count() == 3
        assert checks.accessibility(page) == []
