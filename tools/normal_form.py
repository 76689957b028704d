"""The one normal form of a notebook: settled metadata, stable ids, merged streams, counts from 1 to n."""

from __future__ import annotations

import copy
import hashlib
import re
from typing import Any

import nbformat
from nbformat import NotebookNode

from tools.check_cells import checks_alone

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
FOLDED = {"setup", "parameters", "settings", "solution", "checks"}  # tags of cells that open folded
DECIDED = {"settings", "checks"}  # those of them that depend only on the cell's code
START = re.compile(r"\blm\.start\(\s*SCALE,\s*SEED\b")  # what a chapter's cell of settings calls
KEPT = (
    "mystnb",
    "source_note",
    "audio",
    "page_picture",
    "part",
)  # metadata that the book and the grader read
SURVEY = "What the survey says"  # heading of the last section, which JupyterLab folds


def normalise(notebook: NotebookNode) -> NotebookNode:
    """A copy in normal form: settled metadata, stable cell ids, merged streams, counts from 1 to n.

    Execution counts that do not increase from cell to cell are left alone: they show that the cells were not run in
    order (see `tools.cells`). Outputs stay, except streams without text.
    """
    result = copy.deepcopy(notebook)
    result.nbformat, result.nbformat_minor = 4, 5
    result.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    result.cells = [cell for cell in result.cells if cell.source.strip()]
    seen: set[str] = set()
    for cell in result.cells:
        cell.source = cell.source.strip("\n").rstrip()
        cell.metadata = _metadata(cell)
        cell.id = _cell_id(cell, seen)
        seen.add(cell.id)
        if cell.cell_type == "code":
            cell.outputs = _merged(cell.get("outputs", []))
    _number([cell for cell in result.cells if cell.cell_type == "code"])
    return result


def _metadata(cell: NotebookNode) -> NotebookNode:
    old = cell.metadata
    names = _tags(cell)
    kept: dict[str, Any] = {name: old[name] for name in KEPT if old.get(name)}
    if cell.cell_type == "markdown" and cell.source.splitlines()[0] == f"## {SURVEY}":
        kept["jp-MarkdownHeadingCollapsed"] = True
    if cell.cell_type == "code":
        folded = bool(FOLDED & set(names))
        if folded and "hide-cell" not in names:
            names.append("hide-cell")
        unfolded = not folded and bool(FOLDED & set(old.get("tags", [])))  # its code no longer folds it
        if folded or (old.get("cellView") and not unfolded):
            kept["cellView"] = "form" if folded else old["cellView"]
        if folded or (old.get("jupyter", {}).get("source_hidden") and not unfolded):
            kept["jupyter"] = {"source_hidden": True}
    if names:
        kept["tags"] = names
    return nbformat.from_dict(kept)


def _tags(cell: NotebookNode) -> list[str]:
    """The cell's tags; "settings" and "checks" are set here, and only here, according to its code.

    A cell with the tag "check" is one that a student shall see (see `tools.course.masters`), and is not folded.
    """
    old = list(dict.fromkeys(cell.metadata.get("tags", [])))
    if cell.cell_type != "code":
        return old
    names = [name for name in old if name not in DECIDED]
    if START.search(cell.source):
        names.insert(0, "settings")
    elif not FOLDED & set(names) and "check" not in names and checks_alone(cell.source):
        names.insert(0, "checks")
    elif len(names) < len(old) and not FOLDED & set(names) and "hide-cell" in names:
        names.remove("hide-cell")  # it came with the tag that is gone
    return names


def _cell_id(cell: NotebookNode, seen: set[str]) -> str:
    """The cell's id, or a new one made from its text if it has none or shares one."""
    name = cell.get("id", "")
    count = 0
    while not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name in seen:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}\n{count}".encode()).hexdigest()[:8]
        count += 1
    return name


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join consecutive outputs of one stream and leave out those without text."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and not output.text:
            continue
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _number(cells: list[NotebookNode]) -> None:
    run = [cell for cell in cells if cell.get("execution_count")]
    counts = [cell.execution_count for cell in run]
    if counts == sorted(set(counts)):
        for count, cell in enumerate(run, start=1):
            cell.execution_count = count
    for cell in cells:
        cell.setdefault("execution_count", None)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
