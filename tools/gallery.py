"""The page of all chapters as cards, each with a picture, and the picture that sites show for a link to a chapter.

A chapter's picture is the first that its notebook draws, or that of the cell with the metadata
`{"page_picture": true}`. It is reduced to at most 40 kB; its alternative text is the cell's.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode
from PIL import Image
from sphinx.application import Sphinx

from largemodels.files import aside
from tools import notebooks
from tools.markdown import unlinked
from tools.prose import COST

SIZE = (640, 400)  # pixels, at most
BYTES = 40_000
PICTURES = "pictures"  # folder beside the page

INTRODUCTION = """\
# All chapters

Each card leads to a chapter and says what you can do afterwards, how long the chapter runs and how much memory it
needs. The pictures are drawn by the chapters themselves."""


@dataclass(frozen=True)
class Picture:
    """A chapter's picture, as it was drawn."""

    png: bytes
    alt: str


def picture(notebook: NotebookNode) -> Picture | None:
    """The picture that represents a chapter, None if it draws none."""
    cells = [cell for cell in notebook.cells if "solution" not in notebooks.tags(cell)]
    for cell in sorted(cells, key=lambda cell: not cell.metadata.get("page_picture")):
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                return Picture(base64.b64decode(png), " ".join(alt.split()))
    return None


@functools.cache
def small(png: bytes) -> tuple[str, bytes]:
    """The picture scaled down to `SIZE` and `BYTES`: suffix and content; PNG for drawings, JPEG for photographs."""
    drawn = Image.open(io.BytesIO(png)).convert("RGBA")
    image = Image.new("RGB", drawn.size, "white")
    image.paste(drawn, mask=drawn)
    image.thumbnail(SIZE)
    content = _saved(image.quantize(128), format="PNG", optimize=True)
    if len(content) <= BYTES:
        return "png", content
    for quality in range(85, 0, -5):
        content = _saved(image, format="JPEG", quality=quality, optimize=True)
        if len(content) <= BYTES:
            break
    return "jpg", content


def _saved(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def write_pictures(chapters: dict[str, NotebookNode], folder: Path) -> dict[str, Path]:
    """Write the chapters' pictures that changed and delete those of chapters that are gone; the files by chapter."""
    files = {}
    for chapter, notebook in chapters.items():
        if found := picture(notebook):
            suffix, content = small(found.png)
            files[chapter] = folder / f"{chapter.replace('/', '-')}.{suffix}"
            if not files[chapter].exists() or files[chapter].read_bytes() != content:
                with aside(files[chapter]) as part:
                    part.write_bytes(content)
    for path in set(folder.glob("*")) - set(files.values()):
        path.unlink()
    return files


def page(
    chapters: dict[str, NotebookNode], pictures: dict[str, Path], parts: list[tuple[str, list[str]]]
) -> str:
    """The page of all chapters, part by part; `parts` has each part's title and chapters."""
    text = [INTRODUCTION]
    for title, names in parts:
        cards = [_described(name, chapters[name], pictures.get(name)) for name in names if name in chapters]
        if cards:
            text += [f"## {title}"] * bool(title) + [grid(cards, "1 2 2 2")]
    return "\n\n".join(text) + "\n"


def _described(chapter: str, notebook: NotebookNode, file: Path | None) -> str:
    """A card that says what one can do after the chapter, and what it costs to run."""
    header = notebook.cells[0].source if notebook.cells else ""
    sentence = next(iter(header.split("\n\n")[1:2]), "").strip()
    lines = [unlinked(sentence)]
    if cost := COST.search(header):
        costs = f"{cost['minutes']} min · {cost['memory']} GB · {cost['data'].strip()}"
        lines += ["", ":::{card-footer}", costs, ":::"]
    title = unlinked(notebooks.title(notebook))
    return card(chapter, title, picture(notebook), f"{PICTURES}/{file.name}" if file else "", lines)


def grid(cards: list[str], columns: str) -> str:
    """Cards beside each other: so many on a phone, …, on a wide window."""
    return "\n\n".join([f":::::{{grid}} {columns}\n:gutter: 3", *cards, ":::::"])


def card(
    chapter: str, title: str, picture: Picture | None, file: str, lines: list[str], look: str = "chapter-card"
) -> str:
    """A card that leads to a chapter.

    Args:
        chapter: its name.
        title: without links.
        picture: None for none.
        file: of the picture, as seen from the page.
        lines: below the title.
        look: classes of the style sheet.
    """
    options = [
        f"link: /notebooks/{chapter}",
        "link-type: doc",
        f"link-alt: {quoted(title)}",
        f"class-card: {look}",
    ]
    if picture and file:
        options += [f"img-top: {file}", f"img-alt: {quoted(picture.alt or title)}"]
    head = [f"::::{{grid-item-card}} {title}", *(f":{option}" for option in options)]
    return "\n".join([*head, "", *lines, "::::"])


def quoted(text: str) -> str:
    """A text as the value of a directive's option, where `#`, `:` and quotation marks have a meaning otherwise."""
    return json.dumps(text, ensure_ascii=False)


def parts(root: Path) -> list[tuple[str, list[str]]]:
    """Title and chapters of each part in the table of contents."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for part in contents.get("parts") or [contents]:
        files = [str(entry.get("file", "")) for entry in part.get("chapters") or []]
        names = [name.removeprefix("notebooks/") for name in files if name.startswith("notebooks/")]
        found.append((str(part.get("caption", "")), names))
    return found


def add_picture_for_links(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Name the chapter's picture for sites that show links with pictures, if the book has a public address."""
    address = app.config.html_baseurl
    name = pagename.removeprefix("notebooks/").replace("/", "-")
    for file in Path(app.srcdir, "book", "generated", PICTURES).glob(f"{name}.*"):
        if address and pagename.startswith("notebooks/"):
            content = f"{address.rstrip('/')}/_images/{file.name}"
            context["metatags"] = (
                context.get("metatags", "") + f'<meta property="og:image" content="{content}">\n'
            )


def setup(app: Sphinx) -> None:
    """Connect."""
    app.connect("html-page-context", add_picture_for_links)
