"""How well a language model remembers a secret number: its exposure.

Carlini et al., 2018, "The Secret Sharer" (https://arxiv.org/abs/1802.08232): all numbers that could stand in the
secret's place are ranked by the probability that the model gives them. For auditing models of one's own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .protocol import LanguageModel
from .tokenizers import Tokenizer


@torch.no_grad()
def code_log_probabilities(model: LanguageModel, tokenizer: Tokenizer, before: str, n_digits: int) -> Tensor:
    """Log-probability of each code of some digits after a text.

    Args:
        model: a language model.
        tokenizer: for which each digit is one token, also after ``before``.
        before: not empty; with ``n_digits - 1`` more tokens it must fit into the model's context.
        n_digits: of the codes.

    Returns:
        ``(10 ** n_digits,)`` in nats, in the order of the numbers: 0000, 0001, ….
    """
    start = tokenizer.encode(before)
    digits = tokenizer.encode("0123456789")
    cache = model.new_cache(1, len(start) + n_digits - 1)
    tokens, found = start[None], torch.zeros(1)
    for number in range(n_digits):
        last = model.logits(model.hidden(tokens, None, cache)[:, -1])  # (codes so far, vocab)
        found = (found[:, None] + last.log_softmax(-1)[:, digits]).flatten()
        if number < n_digits - 1:
            cache.select(torch.arange(len(last)).repeat_interleave(10))
            tokens = digits.repeat(len(last))[:, None]
    return found


def exposure(log_probabilities: Tensor, code: int) -> float:
    """log₂ of the number of codes less log₂ of the rank of one, in bits.

    All log₂(n) bits if the code is the likeliest of n, 0 if it is the unlikeliest.
    """
    rank = 1 + int((log_probabilities > log_probabilities[code]).sum())
    return math.log2(len(log_probabilities)) - math.log2(rank)
