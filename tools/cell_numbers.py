"""nbval counts code cells only; this pytest plugin gives its cells the numbers that all other messages use.

From 0, over Markdown and code together, as `tools.notebooks.where` says them and as `Cell 7` in a test's name.
"""

from __future__ import annotations

from typing import Any

import pytest


def number(cells: list[Any], code: int) -> int:
    """Number among all cells of the code cell that is number ``code`` among code cells, both from 0."""
    return [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"][code]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Rename a cell of nbval."""
    if not hasattr(item, "cell_num"):
        return
    item.cell_num = number(item.parent.nb.cells, item.cell_num)  # type: ignore[union-attr]
    item.name = f"Cell {item.cell_num}"
    item._nodeid = f"{item.parent.nodeid}::{item.name}"  # type: ignore[union-attr, attr-defined]
