"""Batches: endless random windows of a long sequence, or rows of a table in random order.

Every function in ``data`` that yields batches can begin at any of them: ``start=i`` yields what would have been the
batches ``i``, ``i + 1``, …, so that an interrupted training run resumes where it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def batches(
    tokens: Tensor | np.ndarray, batch_size: int, context_length: int, seed: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless random windows of a long sequence.

    Batch ``i`` depends on ``seed`` and ``i`` alone.

    Args:
        tokens: ``(time,)``, longer than ``context_length``; of a token file only the windows are read.
        batch_size: windows per batch.
        context_length: tokens per window.
        seed: of the draw.
        start: number of the first batch.

    Yields:
        inputs and targets, both ``(batch_size, context_length)``; targets are the inputs one token later.
    """
    if len(tokens) <= context_length:
        raise ValueError(f"{len(tokens)} tokens are too few for windows of {context_length} and a target.")
    offsets = np.arange(context_length + 1)  # (context_length + 1,)
    step = start
    while True:
        # NumPy mixes both numbers into the state; torch's generator uses the low 32 bits of one.
        drawn = np.random.default_rng((seed, step)).integers(
            len(tokens) - context_length, size=(batch_size, 1)
        )
        positions = drawn + offsets  # (batch_size, context_length + 1)
        if isinstance(tokens, Tensor):
            windows = tokens[torch.from_numpy(positions)]
        else:
            windows = torch.from_numpy(tokens[positions].astype(np.int64))
        yield windows[:, :-1], windows[:, 1:]
        step += 1


def shuffled(*tensors: Tensor, batch_size: int, seed: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches: all rows in random order, then all in another. The last batch of an epoch may be smaller.

    Args:
        tensors: of equal length, such as pictures and labels.
        batch_size: rows per batch.
        seed: of the order.
        start: number of the first batch; only the orders before it are drawn.

    Raises:
        ValueError: if there are no rows.
    """
    n_rows = len(tensors[0])
    if not n_rows:
        raise ValueError("There are no rows to draw batches from.")
    generator = torch.Generator().manual_seed(seed)
    epochs, first = divmod(
        start, -(-n_rows // batch_size)
    )  # whole epochs before, batches into the current one
    for _ in range(epochs):
        torch.randperm(n_rows, generator=generator)
    while True:
        for rows in torch.randperm(n_rows, generator=generator).split(batch_size)[first:]:
            yield tuple(tensor[rows] for tensor in tensors)
        first = 0
