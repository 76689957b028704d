"""Rendering: only what changed, nothing from elsewhere, and no warning that is shown once and then lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import notebooks, publish, records
from tools.notebooks import ROOT

CONTENTS = """format: jb-book
root: book/index
chapters:
  - file: book/source
  - file: notebooks/05_project/small
  - file: book/generated/records
  - file: book/generated/audit
"""
PROGRAM = "import pathlib, sys; from tools import render; sys.exit(render.main(pathlib.Path(sys.argv[1])))"


def render(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root)], cwd=ROOT, capture_output=True, text=True
    )


@pytest.fixture
def sources(book: Path) -> Path:
    """The small book with pages and the settings of the real one."""
    shutil.copy(ROOT / "_config.yml", book)
    shutil.copytree(ROOT / "book" / "_static", book / "book" / "_static")
    library = book / "src" / "largemodels"
    library.mkdir(parents=True)
    (library / "__init__.pyi").touch()
    shutil.copy(ROOT / "src" / "largemodels" / "paths.py", library)
    (book / "_toc.yml").write_text(CONTENTS, encoding="utf-8")
    (book / "book" / "index.md").write_text("# The book\n\nWith $x$.\n", encoding="utf-8")
    (book / "book" / "source.md").write_text("# About the source\n", encoding="utf-8")
    (book / "book" / "references.bib").write_text("@misc{a, title = {A}}\n", encoding="utf-8")
    return book


def written(root: Path) -> dict[str, int]:
    """When each page was written."""
    html = root / "_build" / "html"
    pages = (path for folder in ("book", "notebooks") for path in (html / folder).rglob("*.html"))
    return {path.relative_to(html).as_posix(): path.stat().st_mtime_ns for path in pages}


def test_only_what_changed_is_rendered(sources: Path) -> None:
    first = render(sources)
    assert first.returncode == 0, first.stderr
    assert f"{sources}/_build/html/index.html" in first.stdout
    html = sources / "_build" / "html"
    assert 'url=book/index.html"' in (html / "index.html").read_text(encoding="utf-8")
    mathjax = sum(path.stat().st_size for path in (html / "_static" / "mathjax").rglob("*") if path.is_file())
    assert 1_000_000 < mathjax < 2_000_000
    assert "Show the solution" in (html / "notebooks/05_project/small.html").read_text(encoding="utf-8")
    before = written(sources)
    assert len(before) == 5

    assert render(sources).returncode == 0
    assert written(sources) == before

    with (sources / "book" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\nMore.\n")
    assert render(sources).returncode == 0
    after = written(sources)
    assert [name for name in after if after[name] != before[name]] == ["book/index.html"]


def test_a_changed_style_sheet_reaches_the_pages(sources: Path) -> None:
    assert render(sources).returncode == 0
    page = sources / "_build" / "html" / "book" / "index.html"
    before = page.read_text(encoding="utf-8")
    with (sources / "book" / "_static" / "book.css").open("a", encoding="utf-8") as sheet:
        sheet.write("\nbody { margin: 0; }\n")
    assert render(sources).returncode == 0
    rendered = sources / "_build" / "html" / "_static" / "book.css"
    assert "margin: 0" in rendered.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") != before  # it asks for the sheet by its checksum


def test_a_new_title_reaches_every_page_and_a_removed_page_goes(sources: Path) -> None:
    assert render(sources).returncode == 0
    (sources / "book" / "source.md").write_text("# Where it comes from\n", encoding="utf-8")
    assert render(sources).returncode == 0
    for name in written(sources):
        assert "Where it comes from" in (sources / "_build" / "html" / name).read_text(encoding="utf-8"), name
    contents = CONTENTS.replace("  - file: notebooks/05_project/small\n", "")
    (sources / "_toc.yml").write_text(contents, encoding="utf-8")
    assert render(sources).returncode == 0
    assert "notebooks/05_project/small.html" not in written(sources)


ODD = """A: "small" #1 'chapter' | for $5 & {{ x }}, {math}`y`, *all* <b>, a_b_"""


def test_names_titles_and_alternative_texts_show_as_they_are(sources: Path) -> None:
    path = notebooks.path_of("05_project/small", sources)
    notebook = notebooks.read(path)
    notebook.cells[0].source = (
        notebook.cells[0]
        .source.replace("# A small chapter", """# A: "small" #1 'chapter' | for `x`""")
        .replace("tell a loss", "tell [a loss](small.ipynb)")
    )
    picture = next(cell for cell in notebook.cells if "mystnb" in cell.metadata)
    picture.metadata.mystnb.image.alt = ODD
    notebooks.write(path, notebook)
    record = records.load("05_project/small", sources)
    assert record
    record["claims"][0]["name"] = ODD
    records.write("05_project/small", record, sources)
    contents = CONTENTS + "  - file: book/generated/chapters\n"
    (sources / "_toc.yml").write_text(contents, encoding="utf-8")
    done = render(sources)
    assert done.returncode == 0, done.stderr
    html = sources / "_build" / "html" / "book" / "generated"
    costs, cards = (
        BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in ("records", "chapters")
    )
    straight = str.maketrans("“”‘’", "\"\"''")
    assert ODD in [cell.get_text().translate(straight) for cell in costs.select("td")]
    card = cards.select_one(".chapter-card")
    assert card
    assert [image["alt"] for image in card.select("img")] == [ODD]
    link = card.select_one("a.sd-stretched-link")
    assert link
    assert link.get_text().translate(straight) == """A: "small" #1 'chapter' | for `x`"""
    assert "tell a loss from a perplexity" in card.get_text()


def test_a_warning_is_an_error_each_time(sources: Path) -> None:
    (sources / "book" / "source.md").write_text("# About the source\n\n[Gone](gone.md)\n", encoding="utf-8")
    for _ in range(2):
        failed = render(sources)
        assert failed.returncode == 1
        assert "source.md:3: WARNING" in failed.stderr
        assert "\x1b" not in failed.stderr
        assert "correct what the warnings above name" in failed.stderr.splitlines()[-1]


def test_a_killed_build_does_not_fail_the_next(sources: Path) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(sources)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    first = sources / "_build" / "html" / "book" / "index.html"
    while not first.exists() and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    done = render(sources)
    assert done.returncode == 0, done.stderr
    assert (sources / "_build" / "html" / "searchindex.js").exists()


def test_a_damaged_notebook_ends_in_one_line(sources: Path) -> None:
    notebooks.path_of("05_project/small", sources).write_text("{", encoding="utf-8")
    failed = render(sources)
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "small.ipynb" in failed.stderr


def test_buttons_lead_to_the_published_repository(sources: Path) -> None:
    publish.stamp(sources, "https://github.com/someone/book")
    done = render(sources)
    assert done.returncode == 0, done.stderr
    html = sources / "_build" / "html"
    chapter = (html / "notebooks/05_project/small.html").read_text(encoding="utf-8")
    path = "notebooks/05_project/small.ipynb"
    assert f"https://colab.research.google.com/github/someone/book/blob/notebooks/{path}" in chapter
    assert f"https://mybinder.org/v2/gh/someone/book/notebooks?urlpath=lab/tree/{path}" in chapter
    assert f"https://github.com/someone/book/edit/main/{path}" in chapter
    page = (html / "book/source.html").read_text(encoding="utf-8")
    assert "https://github.com/someone/book/edit/main/book/source.md" in page
    assert "colab" not in page
    generated = (html / "book/generated/audit.html").read_text(encoding="utf-8")
    assert "https://github.com/someone/book/edit/main/tools/pages.py" in generated
