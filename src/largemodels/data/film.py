"""A street, filmed from above for about two minutes, and the people in 50 of its frames, marked by eye, twice.

The film is `vtest.avi` of the Debian package `opencv-doc`. The marks, `data/annotations/walkers.json`, are our own;
the card `street_film.md` says how they were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..paths import data_root
from .registry import DataError, files

N_FRAMES = 795
SIZE = (576, 768)  # height and width in pixels
RATE = 10.0  # frames a second, as the file says; PETS 2009 gives about seven for this view
WIDE = 0.41  # width of a mark over its height


class Walkers(NamedTuple):
    """The people in one frame."""

    who: Tensor  # int64 (n,), the same number in all frames
    boxes: Tensor  # (n, 4): left, top, right, bottom, in pixels


def street_film(frames: Iterable[int] = range(N_FRAMES)) -> Tensor:
    """Frames of the film in the order of the film, ``uint8 (n, height, width, 3)``.

    Args:
        frames: numbers from 0; all of them take a gigabyte.

    Raises:
        DataError: if the package is missing or damaged, or if PyAV is not installed.
    """
    try:
        import av  # needed here alone
    except ModuleNotFoundError as error:
        raise DataError("The film is read with PyAV: pip install av.") from error
    wanted, found = set(frames), []
    if not wanted <= set(range(N_FRAMES)):
        raise ValueError(f"The film has the frames 0 to {N_FRAMES - 1}.")
    with av.open(str(files("street-film")["vtest.avi"])) as film:
        film.streams.video[0].thread_type = "NONE"
        for number, frame in enumerate(film.decode(video=0)):
            if number > max(wanted, default=-1):
                break
            if number in wanted:
                found.append(torch.from_numpy(frame.to_ndarray(format="rgb24")))
    return torch.stack(found) if found else torch.zeros(0, *SIZE, 3, dtype=torch.uint8)


def walkers(reading: Literal["first", "second"] = "first") -> dict[int, Walkers]:
    """The people in every sixteenth frame, from 0 to 784, by the number of the frame.

    Head and feet were marked; the box around them is 0.41 times as wide as high, as Dollár et al., 2012
    (https://doi.org/10.1109/TPAMI.2011.155) make all boxes of people, and may reach beyond the picture.

    Args:
        reading: which of the two times that the frames were marked. Each numbers the people in its own way.
    """
    text = (data_root() / "annotations" / "walkers.json").read_text(encoding="utf-8")
    rows = np.array(json.loads(text)[reading])
    its = torch.from_numpy(rows)
    found = {}
    for number in np.unique(rows[:, 0]).tolist():
        here = its[its[:, 0] == number]
        middle, top, bottom = here[:, 2:].float().T
        half = WIDE * (bottom - top) / 2
        boxes = torch.stack([middle - half, top, middle + half, bottom], dim=1)
        found[int(number)] = Walkers(here[:, 1], boxes)
    return found
