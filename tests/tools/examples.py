"""Cells and small books for the tests of the checkers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, v4

from tools import notebooks, records

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CLAIM = {"name": "test loss", "value": 1.612, "low": 1.55, "high": 1.68, "unit": "nats"}

HEADER = """# A small chapter

After this chapter you can tell a loss from a perplexity.

*2 minutes · 1 GB · Shakespeare · scale laptop*

*Builds on nothing*

How low can a loss be?"""

NOTE = """> The article says that a model is trained until it is perfect.
>
> It is not: the loss has a floor."""

NOTED = {"section": "4.5", "verdict": "wrong", "claim": "A model can be perfect."}


def markdown(source: str, **metadata: Any) -> NotebookNode:
    """A Markdown cell."""
    return v4.new_markdown_cell(source, metadata=metadata)


def code(source: str, *outputs: NotebookNode, **metadata: Any) -> NotebookNode:
    """A code cell."""
    return v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text: str, name: str = "stdout") -> NotebookNode:
    """A stream output."""
    return v4.new_output("stream", name=name, text=text)


def figure() -> NotebookNode:
    """An output with a picture."""
    return v4.new_output("display_data", data={"image/png": PICTURE, "text/plain": "<Figure>"})


def add_chapter(root: Path, name: str, notebook: NotebookNode, record: dict[str, Any]) -> None:
    """Write a notebook and its record into a book."""
    path = notebooks.path_of(name, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    notebooks.write(path, notebook)
    file = records.path(name, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record), encoding="utf-8")
