"""nbval counts only code cells; this pytest plugin gives its cells the numbers that all other messages use.

They count from 0, Markdown and code cells together, as in `tools.notebooks.where`, and appear in a test's name and in
its error.
"""

from __future__ import annotations

from typing import Any

from nbval import plugin


def number(cells: list[Any], code: int) -> int:
    """Number, among all cells, of the code cell that has number ``code`` among the code cells; both count from 0."""
    return [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"][code]


def _from_parent(cls: type[plugin.IPyNbCell], parent: Any, *, cell_num: int, **rest: Any) -> Any:
    """Make a cell's test; nbval passes the number among code cells, and a name made from it."""
    place = number(parent.nb.cells, cell_num)
    return super(plugin.IPyNbCell, cls).from_parent(
        parent, cell_num=place, **(rest | {"name": f"Cell {place}"})
    )


def pytest_configure() -> None:
    """Replace the function with which nbval makes its cells, since it has no hook for this."""
    plugin.IPyNbCell.from_parent = classmethod(_from_parent)
