"""From text to integers and back."""

from __future__ import annotations

import torch
from torch import Tensor


class CharTokenizer:
    """One token a character, numbered in the order of their code points.

    Args:
        text: every character that occurs in it gets a token.
    """

    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))
        self._tokens = {character: token for token, character in enumerate(self.characters)}

    @property
    def vocab_size(self) -> int:
        """Number of different tokens."""
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        """Tokens of a text: ``(time,)``, int64.

        Raises:
            ValueError: if a character has no token.
        """
        unknown = sorted(set(text) - self._tokens.keys())
        if unknown:
            shown = " ".join(map(repr, unknown[:5]))
            raise ValueError(f"No token for {shown}: the tokenizer knows {self.vocab_size} characters.")
        return torch.tensor([self._tokens[character] for character in text], dtype=torch.int64)

    def decode(self, tokens: Tensor | list[int]) -> str:
        """The text of a sequence of tokens ``(time,)``."""
        return "".join(self.characters[int(token)] for token in tokens)
