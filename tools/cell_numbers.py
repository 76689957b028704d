"""nbval counts code cells only; this pytest plugin gives its cells the numbers that all other messages use.

From 0, over Markdown and code together, as `tools.notebooks.where` says them: in a test's name and in its error.
"""

from __future__ import annotations

from typing import Any

from nbval import plugin


def number(cells: list[Any], code: int) -> int:
    """Number among all cells of the code cell that is number ``code`` among code cells, both from 0."""
    return [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"][code]


def _from_parent(cls: type[plugin.IPyNbCell], parent: Any, *, cell_num: int, **rest: Any) -> Any:
    """Make a cell's test; nbval gives the number among code cells and a name made of it."""
    place = number(parent.nb.cells, cell_num)
    return super(plugin.IPyNbCell, cls).from_parent(
        parent, cell_num=place, **(rest | {"name": f"Cell {place}"})
    )


def pytest_configure() -> None:
    """Let nbval make its cells so: it has no hook for it."""
    plugin.IPyNbCell.from_parent = classmethod(_from_parent)
