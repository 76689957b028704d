"""Spelling backwards: read a word letter by letter, then give its letters in reverse order.

A small case of sequence-to-sequence learning (Sutskever, Vinyals and Le, 2014, https://arxiv.org/abs/1409.3215), on the
words of a real text. The order is the easier one for a recurrent network: the letter that it read last is the first
that it must give. For the same purpose section 3.3 of the paper reverses the source.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import torch
from torch import Tensor

END, ARROW, FIRST_LETTER = 0, 1, 2  # tokens; the letters a to z follow
VOCAB_SIZE = FIRST_LETTER + 26


def distinct_words(text: str, shortest: int, longest: int, seed: int) -> list[str]:
    """The different words of a text in lower case, in random order; words are runs of the letters a to z."""
    found = sorted({w for w in re.findall("[a-z]+", text.lower()) if shortest <= len(w) <= longest})
    random.Random(seed).shuffle(found)
    return found


def encode(word: str) -> list[int]:
    """The tokens of the letters a to z.

    Raises:
        ValueError: if the word has other characters.
    """
    if not re.fullmatch("[a-z]+", word):
        raise ValueError(f"Spelling knows words of the letters a to z, not {word!r}.")
    return [ord(letter) - ord("a") + FIRST_LETTER for letter in word]


def decode(tokens: Sequence[int]) -> str:
    """The letters of tokens, with → for the arrow and . for the end."""
    return "".join(".→"[t] if t < FIRST_LETTER else chr(t - FIRST_LETTER + ord("a")) for t in tokens)


def spelled_backwards(words: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Sequences such as ``king→gnik.``, with the part after the arrow as targets.

    Args:
        words: of the letters a to z.

    Returns:
        tokens and targets, both ``(len(words), 2 longest + 1)``. Shorter words are padded with ``END``; the targets
        are -100, which is ignored, except for the letters after the arrow and the end.
    """
    n = 2 * max(map(len, words)) + 1
    tokens, targets = torch.full((len(words), n), END), torch.full((len(words), n), -100)
    for row, word in enumerate(words):
        letters = encode(word)
        whole = torch.tensor([*letters, ARROW, *letters[::-1], END])
        tokens[row, : len(whole) - 1] = whole[:-1]
        targets[row, len(word) : len(whole) - 1] = whole[len(word) + 1 :]
    return tokens, targets
