"""What trains and uses an encoder–decoder on pairs: tokens of texts, batches of pairs, translations by beam search.

A source is a sequence of tokens or of vectors, such as encoded sound; a target is always text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..models.modes import evaluating
from .generation import beam_search, generate
from .tokenizers import ByteBPE

PAD, START, END = 0, 1, 2
_SPECIAL = 3  # byte pairs are numbered from here
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class PairTokens:
    """Byte pairs for both languages, with numbers for padding, start and end.

    Args:
        texts: to learn the pairs from.
        vocab_size: number of tokens, with the three special ones.
    """

    def __init__(self, texts: Iterable[str], vocab_size: int) -> None:
        self._pairs = ByteBPE.train(texts, vocab_size - _SPECIAL)
        self.vocab_size = vocab_size

    def source(self, text: str) -> Tensor:
        """Tokens and the end, ``(time,)``."""
        return torch.cat([self._pairs.encode(text) + _SPECIAL, torch.tensor([END])])

    def target(self, text: str) -> Tensor:
        """The start, tokens and the end, ``(time,)``."""
        return torch.cat([torch.tensor([START]), self.source(text)])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text before the end."""
        its = list(tokens)
        its = its[: its.index(END)] if END in its else its
        return self._pairs.decode([it - _SPECIAL for it in its if it >= _SPECIAL])


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences as one tensor, filled with zeros on the right, and a mask that is false there.

    Args:
        rows: ``(time,)`` or ``(time, features)`` each.
    """
    lengths = torch.tensor([len(it) for it in rows])
    filled = pad_sequence(list(rows), batch_first=True, padding_value=PAD)
    return filled, torch.arange(filled.shape[1]) < lengths[:, None]


def pair_batches(
    sources: Sequence[Tensor], targets: Sequence[Tensor], n_tokens: int, seed: int = 0
) -> Iterator[Batch]:
    """Endless batches of pairs of similar lengths: source, target and their masks, as ``Transformer.loss`` takes them.

    Args:
        sources: ``(time,)`` or ``(time, features)`` each.
        targets: ``(time,)`` each, with start and end.
        n_tokens: the pairs of a batch times the longest pair, source and target together, are at most this many, unless
            one pair is longer. Sources and targets are padded apart, so with unlike pairs a batch may have more places.
        seed: of the order.
    """
    draw = np.random.default_rng(seed)
    lengths = np.array([len(a) + len(b) for a, b in zip(sources, targets, strict=True)])
    while True:
        groups: list[list[int]] = [[]]
        for row in np.argsort(lengths + draw.uniform(0, 4, len(lengths))).tolist():
            longest = max((lengths[it] for it in groups[-1]), default=0)
            if groups[-1] and max(longest, lengths[row]) * (len(groups[-1]) + 1) > n_tokens:
                groups.append([])
            groups[-1].append(row)
        for number in draw.permutation(len(groups)).tolist():
            source, source_mask = padded([sources[row] for row in groups[number]])
            target, target_mask = padded([targets[row] for row in groups[number]])
            yield source, target, source_mask, target_mask


class _Translator(Protocol):
    def decoder_for(self, source: Tensor, source_mask: Tensor | None = None) -> Any:
        """The decoder bound to sources."""


@torch.no_grad()
def translated(
    model: _Translator, sources: Sequence[Tensor], n_beam: int = 4, n_new: int = 80, at_once: int = 50
) -> list[list[int]]:
    """Tokens of the translation of each source, without the start.

    Args:
        model: an encoder–decoder such as :class:`~largemodels.models.transformer.Transformer`.
        sources: ``(time,)`` or ``(time, features)`` each.
        n_beam: candidates of beam search; 1 takes the likeliest token at each step.
        n_new: tokens at most.
        at_once: sources of similar length in a batch.
    """
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    found: list[list[int]] = [[] for _ in sources]
    with evaluating(model):  # type: ignore[arg-type]
        for at in range(0, len(order), at_once):
            rows = order[at : at + at_once]
            bound = model.decoder_for(*padded([sources[row] for row in rows]))
            start = torch.full((len(rows), 1), START)
            if n_beam == 1:
                said = generate(bound, start, n_new, temperature=0, end_token=END)
            else:
                said = beam_search(bound, start, n_new, n_beam, end_token=END)
            for row, tokens in zip(rows, said[:, 1:].tolist(), strict=True):
                found[row] = tokens
    return found
