"""Pictures in a chapter's outputs: their captions, their numbers and their size.

A code cell that draws one picture may give it a caption, in `mystnb.figure.caption` of its metadata. The page numbers
the captioned figures from 1, and the text names them: "Figure 2".
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.passages import passages

LIMIT = 150_000  # bytes of one picture
CAPTION = 20  # least number of characters of a caption
_NAMED = re.compile(r"\b(Figures?|Fig\.)\s+(\d+)(?:(?:\s+and\s+|–)(\d+))?")
_INLINE = re.compile(r"data:image/[\w+.-]+;base64,([A-Za-z0-9+/=\s]+)")


def caption(cell: NotebookNode) -> str:
    """The caption of a cell's figure, empty if it has none."""
    return str(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")).strip()


def _sizes(output: NotebookNode) -> Iterator[tuple[str, int]]:
    """Kind and bytes of each picture of an output."""
    for kind, content in output.get("data", {}).items():
        if kind == "image/svg+xml":
            yield kind, len(content.encode())
        elif kind.startswith("image/"):
            yield kind, len(base64.b64decode(content))
        elif kind == "text/html":
            yield from (("picture in HTML", len(base64.b64decode(data))) for data in _INLINE.findall(content))


def faults(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Number of a cell and what is wrong with its pictures, or with a figure that its text names."""
    captioned = 0
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        sizes = [found for output in cell.outputs for found in _sizes(output)]
        for kind, size in sizes:
            if size > LIMIT:
                yield (
                    index,
                    (
                        f"the {kind} has {size / 1e3:.0f} kB, {LIMIT / 1e3:.0f} are allowed; make chapter packs it, "
                        "and if that is not enough draw it smaller"
                    ),
                )
        if not (text := caption(cell)):
            continue
        captioned += 1
        if len(text) < CAPTION or text.startswith("Fig"):
            yield (
                index,
                f"the caption must have {CAPTION} characters or more; the page adds “Figure {captioned}”",
            )
        if cell.execution_count and len(sizes) != 1:
            yield index, f"has a caption and {len(sizes)} pictures; a figure with a caption is one picture"
    for index, cell in enumerate(notebook.cells):
        text = (
            cell.source if cell.cell_type == "markdown" else caption(cell) if cell.cell_type == "code" else ""
        )
        for number in _named(text):
            if not 1 <= number <= captioned:
                yield index, f"names Figure {number}; the chapter has {captioned} figures with a caption"


def _named(text: str) -> Iterator[int]:
    """Numbers of the chapter's own figures in a text; in a sentence that cites a source they are the source's."""
    for passage in passages(text):
        for match in [] if passage.links else _NAMED.finditer(passage.text):
            yield from (int(number) for number in match.groups()[1:] if number)


def pack(notebook: NotebookNode) -> int:
    """Store each PNG that is over the limit as a JPEG under it; the number of pictures that were.

    Photographs need this: the lines of a diagram stay far below the limit. Same picture, same bytes.
    """
    packed = 0
    for data in (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])):
        png = base64.b64decode(data.get("image/png", ""))
        if len(png) > LIMIT and len(jpeg := _jpeg(png)) <= LIMIT:
            del data["image/png"]
            data["image/jpeg"] = base64.b64encode(jpeg).decode()
            packed += 1
    return packed


def _jpeg(png: bytes) -> bytes:
    """The picture as a JPEG, in the best quality that is under the limit, or else in the worst that is fit to print."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (92, 86, 80):  # in the last one sees that letters are blurred
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= LIMIT:
            break
    return file.getvalue()
