"""Mark the numbers on the pages that are a claim's value, and show the claim behind each.

`tools.prose.readings` decides which numbers these are, as it does for the check: exactly the numbers that the check
accepts as claimed are marked. A mark is a link to the cell that computed the number, with a note that appears when the
reader points at it or reaches it with the keyboard; this works without a script.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxTranslator

from largemodels.book.claims import MARK
from tools import citations, notebooks, prose, records
from tools.numerals import numbers
from tools.passages import CODE, passages
from tools.sphinx_cells import anchor, cell_of, is_chapter, notebook_of

_SILENT = (nodes.literal, nodes.math, nodes.raw, nodes.image)  # inside a line of text: not prose
_APART = (nodes.FixedTextElement, nodes.math_block, nodes.raw, nodes.comment)


class claimed(nodes.inline):
    """A number that is the value of the claims in its attribute "claims"."""


@dataclass
class Place:
    """A number and its place on a page."""

    node: nodes.Text
    start: int
    length: int


def mark_chapter(app: Sphinx, doctree: nodes.document) -> None:
    """Mark the claimed numbers of a chapter, cell by cell, or of a hand-written page, as a whole."""
    name = app.env.docname
    if is_chapter(app):
        chapter = name.removeprefix("notebooks/")
        cited = _cited(app)
        notebook, claims = notebook_of(app), _claims(app, [chapter])
        texts = {index: prose.checked_text(index, cell) for index, cell in enumerate(notebook.cells)}
        blocks: dict[int | None, list[nodes.Element]] = {}
        for block in _blocks(doctree):
            blocks.setdefault(cell_of(block), []).append(block)
        for index, text in texts.items():
            _mark(blocks.get(index, []), text, claims, cited)
    elif Path(app.env.doc2path(name)) in prose.pages(Path(app.srcdir)):
        text = Path(app.env.doc2path(name)).read_text(encoding="utf-8")
        claims = _claims(app, notebooks.chapters(Path(app.srcdir)))
        _mark(list(_blocks(doctree)), text, claims, _cited(app))


def _cited(app: Sphinx) -> set[str]:
    path = Path(app.srcdir, "book", "references.bib")
    app.env.note_dependency(str(path))
    return citations.bibliography(path).cited


def _claims(app: Sphinx, chapters: Iterable[str]) -> list[dict[str, Any]]:
    """The claims of these chapters, each with its chapter and the anchor of the cell that printed it."""
    found = []
    root = Path(app.srcdir)
    for chapter in chapters:
        app.env.note_dependency(str(records.path(chapter, root)))
        record = records.load(chapter, root)
        cells = computed_in(notebooks.read(notebooks.path_of(chapter, root))) if record else {}
        for claim in record["claims"] if record else []:
            found.append({**claim, "page": f"notebooks/{chapter}", "cell": cells.get(claim["name"], "")})
    return found


def computed_in(notebook: NotebookNode) -> dict[str, str]:
    """By the name of each claim that a notebook's outputs print: the anchor of its cell."""
    found = {}
    for cell in notebook.cells:
        for line in records.printed_claims(NotebookNode(cells=[cell])):
            found[line.removeprefix(MARK).rpartition(" = ")[0]] = anchor(cell)
    return found


def _blocks(doctree: nodes.document) -> Iterator[nodes.Element]:
    """The paragraphs, titles and lines of a page that contain running text, without outputs of code."""
    for node in list(doctree.findall(nodes.TextElement)):
        above: nodes.Element | None = node
        while above is not None and above.get("nb_element") != "cell_code":
            above = above.parent
        if above is None and not isinstance(node, (*_APART, nodes.Inline)):
            yield node


def _mark(blocks: list[nodes.Element], text: str, claims: list[dict[str, Any]], cited: set[str]) -> None:
    """Mark the claimed numbers of a text in the blocks that show it."""
    said = [one for passage in passages(text) for one in prose.readings(passage, claims, cited)]
    if not any(one.claims for one in said):
        return
    shown = [place for block in blocks for place in places(block)]
    names = [place.node.astext()[place.start : place.start + place.length] for place in shown]
    same = SequenceMatcher(None, [_plain(one.number.text) for one in said], list(map(_plain, names)), False)
    pairs = [
        (said[match.a + k], shown[match.b + k])
        for match in same.get_matching_blocks()
        for k in range(match.size)
    ]
    marks: dict[int, list[tuple[Place, Iterable[Mapping[str, Any]]]]] = {}
    for one, place in pairs:
        if one.claims:
            marks.setdefault(id(place.node), []).append((place, one.claims))
    for of_one_node in marks.values():
        _wrap(of_one_node)


def _plain(number: str) -> str:
    return number.split()[0] if number.split() else number


def places(block: nodes.Element) -> list[Place]:
    """Every number of a block of text, as `tools.numerals` finds them in what the reader sees."""
    text, parts = "", []
    for node in block.findall(lambda node: isinstance(node, (nodes.Text, *_SILENT, nodes.reference))):
        if isinstance(node, nodes.reference):
            continue
        if isinstance(node, nodes.Text) and not isinstance(node.parent, _SILENT):
            parts.append((len(text), node))
            text += node.astext().replace("\n", " ")
        elif not isinstance(node, nodes.Text):
            text += CODE
    found = []
    for number in numbers(text):
        start, node = next((s, n) for s, n in reversed(parts) if s <= number.start)
        offset = number.start - start
        length = min(len(number.text), len(node.astext()) - offset)
        found.append(Place(node, offset, length))
    return found


def _wrap(marks: list[tuple[Place, Iterable[Mapping[str, Any]]]]) -> None:
    """Cut a piece of text at its claimed numbers, from left to right, and mark these."""
    node = marks[0][0].node
    text, done = node.astext(), 0
    parts: list[nodes.Node] = []
    for place, claims in marks:
        end = place.start + place.length
        mark = claimed("", nodes.Text(text[place.start : end]), claims=[dict(claim) for claim in claims])
        parts += [nodes.Text(text[done : place.start]), mark]
        done = end
    parts.append(nodes.Text(text[done:]))
    node.parent.replace(node, [part for part in parts if part.astext()])


def visit_claimed(self: SphinxTranslator, node: claimed) -> None:
    """The number: a link to its cell, described by the note that follows it."""
    count = self.n_claimed = getattr(self, "n_claimed", 0) + 1
    node["note"] = f"claimed-{count}"
    address = _address(self, node["claims"][0])
    tag = f'a href="{address}"' if address else 'span tabindex="0"'
    self.body.append(
        f'<span class="claimed"><{tag} class="claimed-number" aria-describedby="{node["note"]}">'
    )


def depart_claimed(self: SphinxTranslator, node: claimed) -> None:
    """The note: for each claim its name, value, bounds, spread and cell."""
    claims = node["claims"]
    self.body.append("</a>" if _address(self, claims[0]) else "</span>")
    self.body.append(f'<span class="claim-note" id="{node["note"]}" hidden>')
    for claim in claims:
        # The number itself links to the cell of the first claim: the keyboard need not stop there twice.
        self.body.append(_note(claim, _address(self, claim), reachable=claim is not claims[0]))
    self.body.append("</span></span>")


def _address(self: SphinxTranslator, claim: Mapping[str, Any]) -> str:
    if not claim["cell"]:
        return ""
    here = self.builder.current_docname  # type: ignore[attr-defined]
    page = "" if claim["page"] == here else self.builder.get_relative_uri(here, claim["page"])
    return html.escape(f"{page}#{claim['cell']}")


def _note(claim: Mapping[str, Any], address: str, reachable: bool) -> str:
    unit = f" {claim['unit']}" if claim["unit"] else ""
    rows = [f"{claim['value']:.4g}{unit}, bounds {claim['low']:g} to {claim['high']:g}"]
    if spread := claim.get("spread"):
        rows.append(f"over {spread['seeds']} seeds {spread['low']:.4g} to {spread['high']:.4g}")
    name = f'Claim: <span class="claim-name">{html.escape(claim["name"])}</span>'
    lines = [name, *map(html.escape, rows)]
    if address:
        stop = "" if reachable else ' tabindex="-1"'
        lines.append(f'<a href="{address}"{stop}>The cell that computed it</a>')
    return '<span class="claim-of">' + "".join(f"<span>{line}</span> " for line in lines) + "</span>"


def pass_over(self: SphinxTranslator, node: claimed) -> None:
    """In other formats the number is plain text."""


def setup(app: Sphinx) -> None:
    """Connect; the notes on the source have been folded before (400)."""
    plain = (pass_over, pass_over)
    app.add_node(claimed, html=(visit_claimed, depart_claimed), latex=plain, text=plain)
    app.connect("doctree-read", mark_chapter, priority=410)
