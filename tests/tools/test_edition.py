"""An edition of chosen chapters: it builds, and nothing in it leads to a chapter that it leaves out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

from tools import edition, notebooks
from tools.notebooks import ROOT

CHAPTERS = ["01_history/perceptron_to_backpropagation", "05_project/pretraining"]
OTHERS = [chapter for chapter in notebooks.chapters() if chapter not in CHAPTERS]


def render(root: Path, *chapters: str) -> subprocess.CompletedProcess[str]:
    program = "from pathlib import Path; from sys import argv, exit; from tools import render; "
    program += "exit(render.main(Path(argv[1]), argv[2:]))"
    command = [sys.executable, "-c", program, str(root), *chapters]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of an edition of the real book, made from a copy of its sources."""
    root = tmp_path_factory.mktemp("book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, root)
    for name in ("book", "src", "notebooks", "data/records", "data/studies"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("generated", "__pycache__"))
    done = render(root, *CHAPTERS)
    assert done.returncode == 0, done.stderr
    assert "edition/html/index.html" in done.stdout
    assert not (root / "_build" / "html").exists()
    return root / "_build" / "edition" / "html"


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_an_edition_has_its_chapters_and_their_parts_alone(html: Path) -> None:
    pages = {path.relative_to(html).with_suffix("").as_posix() for path in html.rglob("*.html")}
    assert {page for page in pages if page.startswith("notebooks/")} == {f"notebooks/{it}" for it in CHAPTERS}
    parts = {page for page in pages if page.startswith("book/parts/")}
    assert parts == {"book/parts/01_history", "book/parts/05_project", "book/parts/scenarios"}
    gallery = soup(html / "book/generated/chapters.html")
    assert len(gallery.select("article .chapter-card")) == len(CHAPTERS)
    costs = soup(html / "book/generated/records.html").select_one("article table")
    assert costs
    assert len(costs.select("tbody tr")) == len(CHAPTERS)
    texts = (html / "_static/texts.js").read_text(encoding="utf-8").strip()
    found = json.loads(texts.removeprefix("setTexts(").removesuffix(");"))
    assert {name for name in found if name.startswith("notebooks/")} == {f"notebooks/{it}" for it in CHAPTERS}
    index = soup(html / "book/index.html")
    assert [heading.a.get_text(strip=True) for heading in index.select("article h3") if heading.a] == [
        "1 History",
        "5 Project",
    ]
    assert len(index.select("article .chapter-tile")) == len(CHAPTERS)


def test_every_link_of_an_edition_leads_somewhere(html: Path) -> None:
    for path in html.rglob("*.html"):
        for link in soup(path).select("a[href]"):
            address = str(link["href"]).partition("#")[0].partition("?")[0]
            if address and "://" not in address and not address.startswith("mailto:"):
                assert (path.parent / address).exists(), f"{path}: {address}"


def test_a_link_to_a_missing_chapter_is_plain_text(html: Path) -> None:
    scenarios = soup(html / "book/parts/scenarios.html").select_one("article")
    assert scenarios
    assert "may be believed in Evaluation." in " ".join(scenarios.get_text().split())
    assert not [link for link in scenarios.select("a") if {"Evaluation", "part 7"} & {link.get_text()}]


def test_a_chapter_of_an_edition_prints_as_in_the_book(html: Path) -> None:
    page = soup(html / f"notebooks/{CHAPTERS[0]}.html")
    assert page.select('link[href*="print.css"]')
    assert page.select('script[src*="print.js"]')


def test_a_chapter_that_is_not_in_the_contents_is_refused_in_one_line() -> None:
    done = render(ROOT, "05_project/absent")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "_toc.yml has no chapter 05_project/absent. Choose from: 01_history/" in done.stderr


def test_parts_keep_their_order_and_their_other_pages() -> None:
    toc: dict[str, Any] = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    short = edition.shortened(toc, reversed(CHAPTERS))
    assert [part["caption"] for part in short["parts"]] == [
        "Before you read",
        "1 History",
        "5 Project",
        "Reference",
    ]
    assert short["parts"][0] == toc["parts"][0]
    assert short["parts"][-1] == toc["parts"][-1]
    assert [page for page in edition.pages(short) if "notebooks" in page] == [
        f"notebooks/{it}" for it in CHAPTERS
    ]


@pytest.mark.parametrize(
    ("base", "options", "address"),
    [
        ("", {}, ""),
        ("https://example.org/book/", {}, "https://example.org/book/notebooks/a/b.html"),
        (
            "",
            {"repository_url": "https://github.com/a/b", "repository_branch": "notebooks"},
            "https://github.com/a/b/blob/notebooks/notebooks/a/b.ipynb",
        ),
    ],
)
def test_a_published_book_is_linked_to(base: str, options: dict[str, str], address: str) -> None:
    class App:
        class config:
            html_baseurl, html_theme_options = base, options

    app: Any = App
    assert edition._address(app, "notebooks/a/b") == address
