"""Texts of the pages for the excerpts on the page of search results, which `search.js` makes.

Sphinx's own excerpts fetch each page that was found; a browser forbids that for pages on the disk. A script may be
loaded from there, so the texts are written as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

LIMIT = 40_000  # characters kept of a page: some twice a chapter's prose
LEAST = 300  # characters of a section that are kept beyond the limit, so that each has an excerpt
_SKIPPED = (nodes.math_block, nodes.raw, nodes.comment, nodes.image, addnodes.toctree, addnodes.index)
_BLOCKS = (nodes.literal_block, nodes.doctest_block)


def _words(node: nodes.Node, code: bool) -> Iterator[str]:
    """Words of a section without its subsections, either its prose or its code and what that printed."""
    for child in node.children:
        if isinstance(child, (*_SKIPPED, nodes.section, nodes.title)) or _entry(child) or _citation(child):
            continue
        whole = isinstance(child, nodes.TextElement) and not any(map(_unlike_words, child.findall()))
        if isinstance(child, _BLOCKS):
            text = child.astext() if code else ""
        elif isinstance(child, nodes.math):
            text = "" if code else "…"
        elif whole or isinstance(child, nodes.Text):
            text = "" if code else child.astext()
        else:
            text = " ".join(_words(child, code))
        if text:
            yield text


def _citation(node: nodes.Node) -> bool:
    """Whether a node is a key of the bibliography, which becomes words only when the page is written."""
    return isinstance(node, addnodes.pending_xref) and node.get("refdomain") == "cite"


def _unlike_words(node: nodes.Node) -> bool:
    return isinstance(node, nodes.math) or _citation(node)


def _entry(node: nodes.Node) -> str:
    """Anchor of a glossary's entry, empty for anything else."""
    term = node[0] if isinstance(node, nodes.definition_list_item) and node.children else None
    return str(term["ids"][0]) if isinstance(term, nodes.term) and term["ids"] else ""


def sections(doctree: nodes.document) -> list[list[str]]:
    """Anchor, prose and code of each section and each entry of a glossary, up to `LIMIT` characters in all.

    On a longer page the sections that follow keep their beginning, `LEAST` characters.

    Returns:
        triples in the order of the page; the first, without an anchor, is what stands before its first heading.
    """
    found, left = [], LIMIT
    places = [doctree, *doctree.findall(lambda node: isinstance(node, nodes.section) or bool(_entry(node)))]
    for place in places:
        prose, code = (" ".join(" ".join(_words(place, code)).split()) for code in (False, True))
        prose = re.sub(r" (?=[.,;:!?)])", "", prose)[: max(left, LEAST)]
        code = code[: max(0, left - len(prose))]
        left -= len(prose) + len(code)
        if prose or code:
            anchor = place["ids"][0] if isinstance(place, nodes.section) and place["ids"] else _entry(place)
            found.append([anchor, prose, code])
    return found


def _texts(env: BuildEnvironment) -> dict[str, list[list[str]]]:
    if not hasattr(env, "book_texts"):
        env.book_texts = {}  # type: ignore[attr-defined]
    texts: dict[str, list[list[str]]] = env.book_texts  # type: ignore[attr-defined]
    return texts


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the text of a page that was read."""
    _texts(app.env)[app.env.docname] = sections(doctree)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the text of a page that is gone or read again."""
    _texts(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over the texts that another process read."""
    _texts(env).update({name: text for name, text in _texts(other).items() if name in docnames})


def write(app: Sphinx, error: Exception | None) -> None:
    """Write all texts as one script."""
    if error or app.env is None or app.builder.format != "html":
        return
    texts = {name: _texts(app.env)[name] for name in sorted(_texts(app.env))}
    script = f"setTexts({json.dumps(texts, ensure_ascii=False, separators=(',', ':'))});\n"
    path = Path(app.outdir, "_static", "texts.js")
    if not path.exists() or path.read_text(encoding="utf-8") != script:
        path.write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the steps to Sphinx's events."""
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("build-finished", write)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
