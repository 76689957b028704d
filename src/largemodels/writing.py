"""Text from a language model: the prompt goes in as text, the continuation comes out piece by piece.

Three things make text more than decoded tokens. A character may need several tokens, and is given when it is whole.
A stop string may begin in one token and end in another, so what could be its beginning waits. And prompts of
different lengths are padded to one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .generation import pad, steps
from .models.gpt import GPT
from .sampling import Sampling
from .tokenizers import Tokenizer


def stream(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    n_new: int,
    *,
    stop: Sequence[str] = (),
    generator: torch.Generator | None = None,
    **sampling: Any,
) -> Iterator[str]:
    """Continue a text.

    Args:
        model: the language model.
        tokenizer: the one that the model was trained with.
        prompt: at least one character; of a long one the model sees the last ``context_length`` tokens.
        n_new: the most tokens to add; the end of the text ends it sooner.
        stop: end before the first of these that comes up.
        generator: source of randomness, on the CPU; the global one if not given.
        sampling: fields of :class:`.sampling.Sampling`, such as ``temperature=0.8``.

    Yields:
        the continuation in pieces, some empty, one for each token and one for the end.

    Raises:
        ValueError: for an empty prompt, a character without a token, or an option out of its range.
    """
    tokens = tokenizer.encode(prompt)[None].to(next(model.parameters()).device)
    text = _Text(tokenizer, stop)
    chosen_by = Sampling(**sampling)
    for chosen in steps(model, tokens, n_new, chosen_by, generator, end_token=tokenizer.end_of_text):
        yield text.add(int(chosen))
        if text.ended:
            return
    yield text.rest()


def complete(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    n_new: int,
    *,
    stop: Sequence[str] = (),
    generator: torch.Generator | None = None,
    **sampling: Any,
) -> list[str]:
    """Continue several texts at once; arguments as in :func:`stream`.

    Returns:
        the continuation of each prompt, without the prompt.
    """
    encoded = [tokenizer.encode(prompt) for prompt in prompts]
    if not encoded or not all(map(len, encoded)):
        raise ValueError("A prompt is empty: give at least one character to each.")
    tokens, mask = (some.to(next(model.parameters()).device) for some in pad(encoded))
    padding = None if mask.all() else mask
    chosen_by = Sampling(**sampling)
    texts = [_Text(tokenizer, stop) for _ in prompts]
    written = ["" for _ in prompts]
    for chosen in steps(
        model, tokens, n_new, chosen_by, generator, mask=padding, end_token=tokenizer.end_of_text
    ):
        for row, token in enumerate(chosen[:, 0].tolist()):
            written[row] += texts[row].add(token)
        if all(text.ended for text in texts):
            break
    return [some + text.rest() for some, text in zip(written, texts, strict=True)]


class _Text:
    """What a growing sequence of tokens says, given out as soon as it is certain.

    Args:
        tokenizer: decodes the tokens.
        stop: strings before which the text ends.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        if isinstance(stop, str) or "" in stop:
            raise ValueError("stop must be a list of strings that are not empty.")
        self.tokenizer, self.stop = tokenizer, stop
        self.tokens: list[int] = []
        self.given = 0  # characters given out
        self.ended = False

    def add(self, token: int) -> str:
        """The text that has become certain with one more token."""
        if self.ended:
            return ""
        if token == self.tokenizer.end_of_text:
            return self.rest()
        self.tokens.append(token)
        text = self.tokenizer.decode(self.tokens)
        found = [place for some in self.stop if (place := text.find(some, self.given)) >= 0]
        if found:
            self.ended = True
            return text[self.given : min(found)]
        return self._give(text, len(text) - self._uncertain(text))

    def rest(self) -> str:
        """What was still waiting when the last token came."""
        if self.ended:
            return ""
        self.ended = True
        text = self.tokenizer.decode(self.tokens)
        return self._give(text, len(text))

    def _give(self, text: str, end: int) -> str:
        piece = text[self.given : end]
        self.given = max(self.given, end)
        return piece

    def _uncertain(self, text: str) -> int:
        """How many characters at the end may still change, or be the beginning of a stop string."""
        cut = len(text) - len(text.rstrip("\ufffd"))  # what stands for half a character
        begun = (n for some in self.stop for n in range(1, len(some)) if text.endswith(some[:n]))
        return max(cut, *begun, 0)
