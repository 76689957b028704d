"""Figures that say something about a written text, without a reader.

How much of a text repeats itself, how many different word pairs there are (Li et al., 2016,
https://arxiv.org/abs/1510.03055), and how likely a model finds a continuation. None of them says whether a text is
good; each says how far it is from text by people, if that is measured in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from .models.gpt import GPT


def words(text: str) -> list[str]:
    """Words of a text in lower case; signs are left out."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def repeated(texts: Sequence[str], n: int = 3) -> float:
    """Share of the sequences of ``n`` words that stood earlier in the same text, from 0 to 1.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    total, again = 0, 0
    for text in texts:
        sequences = _sequences(text, n)
        total += len(sequences)
        again += len(sequences) - len(set(sequences))
    if not total:
        raise ValueError(f"No text has {n} words.")
    return again / total


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """Different sequences of ``n`` words over all of them, in all texts together, from 0 to 1.

    It falls with the amount of text: compare equal amounts only.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    sequences = [sequence for text in texts for sequence in _sequences(text, n)]
    if not sequences:
        raise ValueError(f"No text has {n} words.")
    return len(set(sequences)) / len(sequences)


@torch.no_grad()
def continuation_loss(model: GPT, prompts: Sequence[Tensor], continuations: Sequence[Tensor]) -> float:
    """What a model pays for continuations, in nats, all tokens together.

    Args:
        model: the language model.
        prompts: ``(time,)`` each, at least one token; read, not scored.
        continuations: ``(n,)`` each, of the same number of texts.

    Raises:
        ValueError: for an empty prompt, or a text longer than the context of the model.
    """
    total, mode = 0.0, model.training
    model.eval()
    for prompt, continuation in zip(prompts, continuations, strict=True):
        if not len(prompt):
            raise ValueError("A prompt is empty: give at least one token to each.")
        if not len(continuation):
            continue
        text = torch.cat([prompt, continuation]).to(next(model.parameters()).device)
        if len(text) - 1 > model.config.context_length:
            raise ValueError(
                f"{len(text)} tokens are too many for a context of {model.config.context_length}."
            )
        targets = text[1:].clone()
        targets[: len(prompt) - 1] = -100
        total += model.loss(text[None, :-1], targets[None]).item() * len(continuation)
    model.train(mode)
    return total


def _sequences(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]
