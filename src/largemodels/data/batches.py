"""Batches: endless random windows of a long sequence, or rows of a table in random order.

Every function in ``data`` that yields batches can start at any of them: ``start=i`` yields the batches ``i``,
``i + 1``, …, so that an interrupted training run resumes where it stopped.
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

    Batch ``i`` depends only on ``seed`` and ``i``, so training that resumes at step ``start`` sees the same batches as
    without the interruption.

    Args:
        tokens: ``(time,)``, longer than ``context_length``; from a token file, only the windows are read.
        batch_size: windows per batch.
        context_length: tokens per window.
        seed: for the random draws.
        start: number of the first batch.

    Yields:
        inputs and targets, both ``(batch_size, context_length)``; targets are the inputs shifted by one token.
    """
    if len(tokens) <= context_length:
        raise ValueError(
            f"The tokens are too few for windows of {context_length} and a target: {len(tokens)}."
        )
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
    """Endless batches of rows, reshuffled every epoch. The last batch of an epoch may be smaller.

    Args:
        tensors: with the same number of rows, such as images and labels.
        batch_size: rows per batch.
        seed: for the shuffling.
        start: number of the first batch; of earlier epochs only the random order is drawn.

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
