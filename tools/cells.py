"""Rules for single cells: length, tags, pictures, what every viewer can show, a complete run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools import pictures, records, sound
from tools.markdown import images, myst_only
from tools.notebooks import tags

LINES = 30
EXPLORED = "shows a claim outside its bounds, from a run with LARGEMODELS_EXPLORE"
ALT = 20  # least number of characters of an alternative text
TAGS = {
    "setup",
    "parameters",
    "settings",
    "solution",
    "checks",
    "hide-cell",
    "nbval-check-output",
    "raises-exception",
}
# Addresses of objects and home folders differ from run to run and from machine to machine.
_VOLATILE = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]{6,}>|(?:/home|/Users)/\w+/")


def faults(notebook: NotebookNode, executed: bool = True) -> Iterator[tuple[int, str]]:
    """Number of a cell and what is wrong with it."""
    for index, cell in enumerate(notebook.cells):
        rules = {"markdown": _markdown, "code": _code}.get(cell.cell_type)
        if rules is None:
            yield index, f"a {cell.cell_type} cell is not shown by every viewer; use Markdown or code"
            continue
        for fault in rules(cell):
            yield index, fault
        if unknown := sorted(tags(cell) - TAGS):
            yield index, f"the tag {unknown[0]} is unknown; use one of {', '.join(sorted(TAGS))}"
    for index in records.explored(notebook):
        yield index, f"{EXPLORED}; run make chapter"
    yield from pictures.faults(notebook)
    if executed:
        yield from _order(notebook)


def _markdown(cell: NotebookNode) -> Iterator[str]:
    for what in myst_only(cell.source):
        yield f"{what} works only in MyST; use plain Markdown in notebooks"
    for image in images(cell.source):
        if re.match(r"(?:https?:)?//", image.source):
            yield f"the picture {image.source} is fetched from elsewhere; draw it in the notebook"
        if not image.alt.strip():
            yield f"the picture {image.source} has no alternative text; add one"


def _code(cell: NotebookNode) -> Iterator[str]:
    length = len(cell.source.splitlines())
    if length > LINES:
        yield f"{length} lines of code, {LINES} are allowed; split the cell"
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    data = [output.get("data", {}) for output in cell.outputs]
    pictures = any(kind.startswith("image/") for one in data for kind in one)
    if pictures and len(alt.strip()) < ALT:
        yield f"the figure needs an alternative text of {ALT} characters or more in mystnb.image.alt"
    if alt and cell.execution_count and not pictures:
        yield "has an alternative text but no picture; draw one, or remove the text"
    html = "".join(one["text/html"] for one in data if "text/html" in one)
    if any(not image.alt.strip() for image in images(html)):
        yield "a picture in the HTML output has no alternative text; add one"
    yield from sound.faults(cell)
    if any(output.output_type == "error" for output in cell.outputs) and "raises-exception" not in tags(cell):
        yield "ended in an error; correct it, or tag it raises-exception if it is meant to"
    texts = [output.get("text", "") for output in cell.outputs] + [one.get("text/plain", "") for one in data]
    if match := _VOLATILE.search("\n".join(texts)):
        yield f"the output {match[0]!r} differs from run to run; end the line with ; or print less"


def _order(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Every code cell was executed, once and in order."""
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for count, (index, cell) in enumerate(code, start=1):
        if cell.get("execution_count") is None:
            yield index, "was not executed; run make chapter"
            return  # the cells after it would only repeat this
        if cell.execution_count != count:
            yield index, f"was executed as number {cell.execution_count}, not {count}; run make chapter"
            return
