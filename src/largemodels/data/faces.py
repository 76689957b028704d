"""Photographs of faces: 40 people ten times each, and a few official portraits.

Samaria and Harter, 1994, "Parameterisation of a stochastic model for human face identification"
(https://doi.org/10.1109/ACV.1994.341300), made the 400 photographs at the Olivetti Research Laboratory in Cambridge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, files

# Pictures with glasses, by person; "all" of the rest of those who always wear them. Seen by eye, not published.
_MIXED = {3: (0, 1, 2, 7, 8), 6: (3, 4, 9), 12: (0, 1, 4, 5, 6, 7, 8, 9), 16: (0, 1, 4, 5, 6, 7, 8, 9)}
_MIXED |= {18: (0, 1, 2, 5, 9), 19: (0, 1, 2, 4, 6, 7, 8, 9), 35: (8, 9)}


@dataclass(frozen=True)
class OrlFaces:
    """Photographs, row by row, the ten of a person one after another."""

    pictures: Tensor  # (400, 112, 92), uint8, grey
    person: Tensor  # (400,), from 0 to 39
    glasses: (
        Tensor  # (400,): 1 with, 0 without, for the seven people who are seen with and without; otherwise -1
    )


def orl_faces(*, unchecked: bool = False) -> OrlFaces:
    """The ORL database: 40 people, ten grey photographs of each, 92 × 112 pixels.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    from PIL import Image

    paths = files("orl-faces", unchecked=unchecked)
    pictures = np.zeros((400, 112, 92), np.uint8)
    for name, path in paths.items():
        person, number = (int(it) for it in re.findall(r"\d+", name))
        with Image.open(path) as file:
            pictures[10 * (person - 1) + number - 1] = np.asarray(file)
    glasses = torch.full((40, 10), -1)
    for person, numbers in _MIXED.items():
        glasses[person] = 0
        glasses[person, list(numbers)] = 1
    return OrlFaces(torch.from_numpy(pictures), torch.arange(40).repeat_interleave(10), glasses.flatten())


PORTRAITS = {
    "Obama, official portrait": "obama.jpg",
    "Obama, speaking": "obama2.jpg",
    "Obama, standing": "obama3.jpg",
    "Obama, half cut off": "obama_partial_face2.jpg",
    "Biden, standing": "biden.jpg",
}


def portrait(name: str, *, unchecked: bool = False) -> Tensor:
    """An official photograph of a politician, ``(3, height, width)`` from 0 to 255.

    Args:
        name: one of ``PORTRAITS``.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if there is none of that name, or the package is missing or damaged.
    """
    from PIL import Image

    if name not in PORTRAITS:
        raise DataError(f"There is no portrait {name!r}. There are: {', '.join(PORTRAITS)}.")
    with Image.open(files("portraits", unchecked=unchecked)[PORTRAITS[name]]) as file:
        pixels = np.asarray(file.convert("RGB"), np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)
