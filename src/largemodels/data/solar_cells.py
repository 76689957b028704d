"""Solar cells as a camera sees them when a current makes them glow: sound, defective, or something between.

Buerhop-Lutz et al., 2018, "A benchmark for visual identification of defective solar cells in electroluminescence
imagery" (https://doi.org/10.4229/35thEUPVSEC20182018-5CV.3.15). The cells were cut out of photographs of 44 modules.
Which cell belongs to which module is not in the table; here it is inferred from the order of the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, files

SIDE = 300  # pixels
# Cells of the 44 modules in the order of the files. The table does not say where a module ends; see the card for what
# speaks for these numbers.
_CELLS = (*[60] * 21, 54, *[60] * 5, 50, *[60] * 8, 72, *[60] * 3, 48, *[60] * 3)
# SHA-256 of the SHA-256 sums of all pictures, in the order of the table: 2,624 lines would swamp the registry.
_SUM = "f534b5cb55c3dd0c15f0071bc6c62b7a72e46743e61d628946c3deb5211284c6"


@dataclass(frozen=True)
class SolarCells:
    """Pictures of cells with what is known about them, row by row, in the order of the files."""

    pictures: Tensor  # (n, 300, 300), uint8; dark is where no current flows, or nothing glows
    probability: Tensor  # (n,), that the cell is defective, as experts said: 0, 1/3, 2/3 or 1
    poly: Tensor  # (n,), whether the silicon is polycrystalline, otherwise monocrystalline
    module: Tensor  # (n,), from 0 to 43: inferred from the order of the files, not published
    number: Tensor  # (n,), of the file, from 0


def solar_cells(rows: Iterable[int] | None = None, *, unchecked: bool = False) -> SolarCells:
    """2,624 pictures of solar cells.

    Args:
        rows: numbers of the cells to read, in this order; None: all.
        unchecked: see :func:`largemodels.data.registry.files`; it also accepts pictures that nobody has checked.

    Raises:
        DataError: if the package is missing, or its table or a picture damaged.
        IndexError: if there is no such cell.
    """
    from PIL import Image

    (table,) = files("solar-cells", unchecked=unchecked).values()
    lines = [line.split() for line in table.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen = list(range(len(lines)) if rows is None else rows)
    if any(not 0 <= row < len(lines) for row in chosen):
        raise IndexError(f"Cells have numbers from 0 to {len(lines) - 1}.")
    read = _read([table.parent / line[0] for line in lines], unchecked)
    pictures = np.zeros((len(chosen), SIDE, SIDE), np.uint8)
    for place, row in enumerate(chosen):
        with Image.open(BytesIO(read[row])) as picture:
            pictures[place] = np.asarray(picture.convert("L"))
    thirds = [round(3 * float(line[1])) for line in lines]  # written as 0.3333333333333333
    return SolarCells(
        torch.from_numpy(pictures),
        torch.tensor([thirds[row] / 3 for row in chosen]),
        torch.tensor([lines[row][2] == "poly" for row in chosen], dtype=torch.bool),
        torch.arange(len(_CELLS)).repeat_interleave(torch.tensor(_CELLS))[chosen],
        torch.tensor(chosen, dtype=torch.long),
    )


def _read(paths: list[Path], unchecked: bool) -> list[bytes]:
    """The contents of the pictures' files, checked."""
    again = "Install the package elpv-dataset again: python -m largemodels.data install solar-cells"
    try:
        read = [path.read_bytes() for path in paths]
    except OSError as error:
        raise DataError(f"A picture of solar-cells cannot be read: {error}. {again}") from error
    found = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in read)).hexdigest()
    if found != _SUM and not unchecked:
        raise DataError(
            f"A picture of solar-cells is damaged: the sum of all is {found}, not {_SUM}. {again}"
        )
    return read
