"""How the page shows a chapter's cells: anchors, folded cells, printed claims left out, source notes at the end.

The notebook stays as it is: in JupyterLab, on GitHub and on Colab all cells and printed claims are in their places.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode  # type: ignore[import-untyped]
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxTranslator

from largemodels.book.claims import MARK
from tools import notebooks, sound
from tools.check_cells import counts
from tools.normal_form import SURVEY

OPENING = {"tag_setup", "tag_parameters", "tag_settings"}
LINES_OF_A_CELL = 10_000  # MyST-NB numbers the lines of cell n from (n + 1) * 10,000


def is_chapter(app: Sphinx) -> bool:
    """Whether the page being read is a chapter's notebook."""
    name = app.env.docname
    return name.startswith("notebooks/") and app.env.doc2path(name).endswith(".ipynb")


def notebook_of(app: Sphinx) -> NotebookNode:
    """The notebook of the page being read."""
    return notebooks.read(Path(app.env.doc2path(app.env.docname)))


def cell_of(node: nodes.Node | None) -> int | None:
    """Number of the cell, from 0, that contains a node; None if no line number says so."""
    while node is not None:
        if node.line:
            return int(node.line) // LINES_OF_A_CELL - 1
        node = node.parent
    return None


def anchor(cell: NotebookNode) -> str:
    """The id of a cell on its page, for links."""
    return f"cell-{cell.id}"


def shape_chapter(app: Sphinx, doctree: nodes.document) -> None:
    """Give the cells their anchors; fold set-up, checks, the first picture's code and source notes."""
    if not is_chapter(app):
        return
    notebook = notebook_of(app)
    cells = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    for node in cells:
        node["ids"].append(anchor(notebook.cells[node["cell_index"]]))
        n_lines = _remove_claim_lines(node)
        if said := node["cell_metadata"].get("audio"):
            sound.name_player(node, said, node["cell_index"])
        printed = any(one.get("nb_element") == "cell_code_output" for one in node.findall(nodes.container))
        folded_claims = "tag_hide-cell" in node["classes"] and n_lines and not printed
        if "tag_checks" in node["classes"] or folded_claims:
            summary = _checks(notebook.cells[node["cell_index"]].source, n_lines)
            node["prompt_show"] = node["prompt_hide"] = summary
    _fold_code_of_first_picture(cells, notebook)
    _fold_opening(_opening(cells))
    _fold_notes(doctree)


def _remove_claim_lines(cell: nodes.Element) -> int:
    """Remove the lines that claims printed from the page; how many there were."""
    n_lines = 0
    for block in list(cell.findall(nodes.literal_block)):
        if "output" not in block["classes"]:
            continue
        lines = block.astext().splitlines(keepends=True)
        kept = "".join(line for line in lines if not line.startswith(MARK))
        n_lines += sum(line.startswith(MARK) for line in lines)
        if kept.strip():
            block.children = []
            block += nodes.Text(kept)
            block.rawsource = kept  # Pygments colours the block only where both are the same
        else:
            output = block.parent
            output.remove(block)
            if not output.children and output.parent is not None:
                output.parent.remove(output)
    return n_lines


def _checks(source: str, n_claims: int) -> str:
    """The line under which a cell of checks is folded: "Checks: 3 claims, 1 comparison"."""
    in_code, n_others = counts(source)
    parts = [(n_claims or in_code, "claim"), (n_others, "comparison")]
    return "Checks: " + ", ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in parts if n)


def fold(summary: str, *children: nodes.Node, classes: str = "") -> nodes.container:
    """A box that opens with a click or a key and looks like MyST-NB's folded cells."""
    inside = HideCodeCellNode("", *children, prompt_show=summary, prompt_hide=summary)
    inside["classes"].append("above-input")
    return nodes.container("", inside, classes=["cell", "fold", *classes.split()])


def _fold_code_of_first_picture(cells: list[nodes.Element], notebook: NotebookNode) -> None:
    """Between the settings and the first section a reader sees the picture; its code opens on request."""
    settings = [index for index, cell in enumerate(notebook.cells) if "settings" in notebooks.tags(cell)]
    texts = enumerate(notebook.cells)
    sections = [
        i for i, cell in texts if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.M)
    ]
    if not settings or not sections:
        return
    for node in cells:
        if settings[0] < node["cell_index"] < sections[0] and not node.get("hide_mode"):
            node["hide_mode"] = "input"
            node["prompt_show"], node["prompt_hide"] = "Show the code", "Hide the code"


def _opening(cells: list[nodes.Element]) -> list[nodes.Element]:
    """Set-up, parameters and settings, and the folded cells that follow at once: what the first picture needs."""
    opening: list[nodes.Element] = []
    for node in cells:
        follows = opening and node["cell_index"] == opening[-1]["cell_index"] + 1
        if OPENING & set(node["classes"]) or (follows and "tag_hide-cell" in node["classes"]):
            opening.append(node)
    return opening


def _fold_opening(cells: list[nodes.Element]) -> None:
    """Set-up, parameters and settings, with the table of scales, become one folded line."""
    if not cells:
        return
    parent, place = cells[0].parent, cells[0].parent.index(cells[0])
    for cell in cells:
        cell.parent.remove(cell)
        cell.attributes.pop("hide_mode", None)
    parent.insert(place, fold("Set-up and settings", *cells, classes="fold-opening"))


def _fold_notes(doctree: nodes.document) -> None:
    """What the survey says, at the end of a chapter, opens on request."""
    section = next((one for one in doctree.findall(nodes.section) if one[0].astext() == SURVEY), None)
    if section is None:
        return
    notes = [one for one in section.children if isinstance(one, nodes.block_quote)]
    summary = "One note" if len(notes) == 1 else f"{len(notes)} notes"
    section[1:] = [fold(summary, *section[1:], classes="fold-notes")]


def visit_fold(self: SphinxTranslator, node: HideCodeCellNode) -> None:
    """As MyST-NB writes it, but so that a screen reader reads the line."""
    classes = html.escape(" ".join(node["classes"]))
    self.body.append(f'<details class="admonition hide {classes}">\n<summary>\n')
    for state, prompt in (("collapsed", node["prompt_show"]), ("expanded", node["prompt_hide"])):
        self.body.append(f'<p class="{state} admonition-title">{html.escape(prompt)}</p>\n')
    self.body.append("</summary>\n")


def depart_fold(self: SphinxTranslator, node: HideCodeCellNode) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Connect; the table of contents of a page is collected at 500, after the sections are in place."""
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    app.connect("doctree-read", shape_chapter, priority=400)
