"""The copy task: read some symbols, wait, and repeat them. The data is synthetic: its only purpose is to measure over
how many steps a network can remember.

The idea is that of the long time lags in Hochreiter and Schmidhuber, 1997, "Long short-term memory", section 5
(https://doi.org/10.1162/neco.1997.9.8.1735); the form with blanks and a cue is that of Arjovsky, Shah and Bengio, 2016,
section 5.1 (https://arxiv.org/abs/1511.06464).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

BLANK = 0  # the token of the waiting time; symbols are 1, 2, …, and the cue comes after the last symbol


def copy_vocab_size(n_symbols: int) -> int:
    """Number of distinct tokens: the symbols, the blank and the cue."""
    return n_symbols + 2


def copy_batches(
    n_symbols: int, n_copied: int, gap: int, batch_size: int, seed: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of the task.

    Args:
        n_symbols: distinct symbols, all equally likely, so that chance accuracy is 1 / ``n_symbols``.
        n_copied: symbols to remember.
        gap: blanks between the last symbol and the first cue.
        batch_size: sequences per batch.
        seed: for the random draws.
        start: number of the first batch; the symbols of earlier batches are drawn and discarded.

    Yields:
        tokens and targets, both ``(batch_size, 2 n_copied + gap)``: the symbols, the blanks, then a cue for each
        symbol. Targets are -100, which is ignored, up to the cues, and the symbols in order at the cues.
    """
    if n_symbols < 2 or n_copied < 1 or gap < 0 or batch_size < 1:
        raise ValueError("A copy task needs n_symbols ≥ 2, n_copied ≥ 1, gap ≥ 0 and batch_size ≥ 1.")
    generator = torch.Generator().manual_seed(seed)
    for number in itertools.count():
        symbols = torch.randint(1, n_symbols + 1, (batch_size, n_copied), generator=generator)
        if number < start:
            continue
        blanks = torch.full((batch_size, gap), BLANK)
        tokens = torch.cat([symbols, blanks, torch.full_like(symbols, n_symbols + 1)], dim=1)
        targets = torch.full_like(tokens, -100)
        targets[:, n_copied + gap :] = symbols
        yield tokens, targets
