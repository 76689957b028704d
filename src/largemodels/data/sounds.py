"""Windows of sounds, as levels of the µ law, for training models of samples such as WaveNet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..models.wavenet import to_levels

OVER = -1  # what follows the end of a sound


def windows(
    sounds: list[Tensor],
    batch_size: int,
    length: int,
    seed: int = 0,
    start: int = 0,
    *,
    beside: list[Tensor] | None = None,
) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches of windows, ``(batch_size, length)`` int64 each, drawn evenly from all samples of the sounds.

    Args:
        sounds: ``(samples,)`` each, from -1 to 1.
        batch_size: windows in a batch.
        length: samples in a window; after the end of a sound comes :data:`OVER`.
        seed: of the draws.
        start: number of the first batch.
        beside: a number for each sample of each sound, such as its prediction; the same windows of these are yielded
            as well, as float32, with zeros where the sound is over.
    """
    levels = [to_levels(it) for it in sounds]
    ends = np.cumsum([len(it) for it in levels])
    number = start
    while True:
        rng = np.random.default_rng([seed, number])
        rows = torch.full((batch_size, length), OVER)
        others = torch.zeros(batch_size, length)
        for row, other, at in zip(rows, others, rng.integers(ends[-1], size=batch_size), strict=True):
            which = int(np.searchsorted(ends, at, side="right"))
            n = len(levels[which])
            # The drawn sample is in the window, which begins before it where the sound would end too early.
            first = int(max(0, min(at - (ends[which] - n), n - length)))
            found = levels[which][first : first + length]
            row[: len(found)] = found
            if beside is not None:
                other[: len(found)] = beside[which][first : first + length]
        yield (rows,) if beside is None else (rows, others)
        number += 1
