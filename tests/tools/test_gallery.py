"""The cards of all chapters and their pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nbformat import NotebookNode, v4
from PIL import Image

from tests.tools.examples import PICTURE, code, figure
from tools import gallery, notebooks

NAME = "05_project/small"


def png(pixels: np.ndarray) -> bytes:
    """A picture of these pixels."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def test_the_first_picture_stands_for_a_chapter_unless_one_is_named(chapter: NotebookNode) -> None:
    found = gallery.picture(chapter)
    assert found == gallery.Picture(base64.b64decode(PICTURE), "The loss falls from step to step.")
    other = base64.b64encode(png(np.zeros((2, 3, 3), np.uint8))).decode()
    named = code("draw()", v4.new_output("display_data", data={"image/png": other}), page_picture=True)
    named.metadata["mystnb"] = {"image": {"alt": "Another\npicture of two lines."}}
    chapter.cells.insert(9, named)
    assert gallery.picture(chapter) == gallery.Picture(
        base64.b64decode(other), "Another picture of two lines."
    )


def test_a_solution_gives_the_picture_away(chapter: NotebookNode) -> None:
    chapter.cells[4].outputs = []
    chapter.cells[12].outputs = [figure()]
    assert gallery.picture(chapter) is None


def test_drawings_and_photographs_become_small() -> None:
    drawing = np.full((1200, 1600, 4), 255, np.uint8)
    drawing[300:310] = (0, 90, 180, 255)
    drawing[600:] = 0  # transparent: white on the card
    suffix, content = gallery.small(png(drawing))
    image = Image.open(io.BytesIO(content)).convert("RGB")
    assert suffix == "png"
    assert image.size == (533, 400)
    assert image.getpixel((10, 390)) == (255, 255, 255)
    noise = np.random.default_rng(0).integers(0, 256, (500, 700, 3)).astype(np.uint8)
    suffix, content = gallery.small(png(noise))
    assert suffix == "jpg"
    assert len(content) <= gallery.BYTES


def test_pictures_are_written_once_and_old_ones_go(tmp_path: Path, chapter: NotebookNode) -> None:
    folder = tmp_path / "pictures"
    (path,) = gallery.write_pictures({NAME: chapter}, folder).values()
    assert path.name == "05_project-small.png"
    before = path.stat().st_mtime_ns
    assert gallery.write_pictures({NAME: chapter}, folder) == {NAME: path}
    assert path.stat().st_mtime_ns == before
    assert gallery.write_pictures({}, folder) == {}
    assert list(folder.iterdir()) == []


def test_a_card_has_title_sentence_costs_and_picture(chapter: NotebookNode) -> None:
    file = Path("05_project-small.png")
    text = gallery.page({NAME: chapter}, {NAME: file}, [("5 Project", [NAME, "05_project/none"]), ("6", [])])
    assert "## 5 Project" in text
    assert "## 6" not in text
    assert text.count("{grid-item-card}") == 1
    for line in (
        "::::{grid-item-card} A small chapter",
        ":link: /notebooks/05_project/small",
        ":img-top: pictures/05_project-small.png",
        ':img-alt: "The loss falls from step to step."',
        "After this chapter you can tell a loss from a perplexity.",
        "2 min · 1 GB · Shakespeare",
    ):
        assert line in text.splitlines()
    chapter.cells[4].outputs = []
    assert "img" not in gallery.page({NAME: chapter}, {}, [("", [NAME])])


def test_parts_are_those_of_the_contents() -> None:
    found = dict(gallery.parts(notebooks.ROOT))
    assert [name for names in found.values() for name in names] != []
    assert set(notebooks.chapters()) >= {name for names in found.values() for name in names}


@pytest.mark.parametrize(
    ("address", "page", "expected"),
    [
        (
            "https://book.example/x/",
            f"notebooks/{NAME}",
            '<meta property="og:image" content="https://book.example/x/_images/05_project-small.png">\n',
        ),
        ("", f"notebooks/{NAME}", ""),
        ("https://book.example", "book/index", ""),
        ("https://book.example", "notebooks/05_project/other", ""),
    ],
)
def test_a_link_to_a_published_chapter_shows_its_picture(
    tmp_path: Path, chapter: NotebookNode, address: str, page: str, expected: str
) -> None:
    gallery.write_pictures({NAME: chapter}, tmp_path / "book" / "generated" / gallery.PICTURES)
    app: Any = SimpleNamespace(srcdir=tmp_path, config=SimpleNamespace(html_baseurl=address))
    context: dict[str, Any] = {}
    gallery.add_picture_for_links(app, page, "page.html", context, None)
    assert context.get("metatags", "") == expected
