"""Figures with a caption are numbered page by page, and where the text names one it leads there.

A chapter's Markdown says "Figure 2" and no more, so that it reads alike everywhere; `tools.pictures` checks that there
is a second figure.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

NAMED = re.compile(r"\bFigure\s(\d+)")


def number_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Begin each caption with "Figure N." and link to it where the text names it."""
    ids: dict[int, str] = {}
    for figure in doctree.findall(nodes.figure):
        caption = next(figure.findall(nodes.caption), None)
        if caption is None:
            continue
        number = len(ids) + 1
        if not figure["ids"]:
            figure["ids"].append(f"figure-{number}")
        ids[number] = figure["ids"][0]
        caption.insert(0, nodes.inline("", f"Figure {number}. ", classes=["figure-number"]))
    if ids:
        _link(doctree, ids)


def _link(doctree: nodes.document, ids: dict[int, str]) -> None:
    """Make links of the figures' names in text; not in headings, captions, code, or other links."""
    for text in list(doctree.findall(nodes.Text)):
        if not NAMED.search(text) or _inside(
            text, nodes.title, nodes.caption, nodes.reference, nodes.literal
        ):
            continue
        parts: list[nodes.Node] = []
        start = 0
        for match in NAMED.finditer(text):
            if target := ids.get(int(match[1])):
                parts += [
                    nodes.Text(text[start : match.start()]),
                    nodes.reference("", match[0], refid=target),
                ]
                start = match.end()
        text.parent.replace(text, [*parts, nodes.Text(text[start:])])


def _inside(node: nodes.Node, *kinds: type[nodes.Node]) -> bool:
    """Whether a node has an ancestor of one of the kinds, or is code."""
    while (node := node.parent) is not None:
        if isinstance(node, (*kinds, nodes.literal_block, nodes.raw, nodes.math, nodes.math_block)):
            return True
    return False


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the step to Sphinx's events."""
    app.connect("doctree-read", number_figures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
