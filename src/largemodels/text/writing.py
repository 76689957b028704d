"""Text from a language model: the prompt goes in as text, the continuation comes out piece by piece.

Three things make text more than decoded tokens. A character may need several tokens, and is given when it is whole.
A stop string may begin in one token and end in another, so what could be its beginning waits. And prompts of
different lengths are padded to one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .generation import beam_search, pad, steps
from .protocol import LanguageModel
from .sampling import Sampling
from .tokenizers import Tokenizer, TransformersTokenizer


def stream(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str | Tensor,
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
        prompt: text, or its tokens ``(time,)``, not empty; of a long one the model sees the last ``context_length``
            tokens.
        n_new: the most tokens to add; the end of the text ends it sooner.
        stop: end before the first of these that comes up.
        generator: source of randomness, on the CPU; the global one if not given.
        sampling: fields of :class:`.sampling.Sampling`, such as ``temperature=0.8``.

    Returns:
        the continuation in pieces, some empty, one for each token and one for the end.

    Raises:
        ValueError: for an empty prompt, a character without a token, or an option out of its range.
    """
    tokens = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    if not len(tokens):
        raise ValueError("The prompt is empty: give at least one character.")
    tokens = tokens[None].to(next(model.parameters()).device)  # (1, time)
    text, chosen_by = _Text(tokenizer, stop), Sampling(**sampling)

    def pieces() -> Iterator[str]:
        for chosen in steps(model, tokens, n_new, chosen_by, generator, end_token=tokenizer.end_of_text):
            yield text.add(int(chosen))
            if text.ended:
                return
        yield text.rest()

    return pieces()


def complete(
    model: LanguageModel,
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


def likeliest(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    n_new: int,
    n_beam: int = 4,
    *,
    stop: Sequence[str] = (),
    **options: float,
) -> str:
    """Continue a text with what :func:`.generation.beam_search` finds, whose options these are."""
    tokens = tokenizer.encode(prompt)[None].to(next(model.parameters()).device)
    text, end_token = _Text(tokenizer, stop), tokenizer.end_of_text
    found = beam_search(model, tokens, n_new, n_beam, end_token=end_token, **options)  # type: ignore[arg-type]
    pieces = [text.add(int(token)) for token in found[0, tokens.shape[1] :]]
    return "".join(pieces) + text.rest()


def written_dialogue(tokenizer: Tokenizer, messages: Sequence[dict[str, str]]) -> Tensor:
    """A conversation as the model has learnt to read it, up to where its next answer begins.

    Args:
        tokenizer: of ``transformers``, with a chat template.
        messages: ``{"role": "user", "content": "Hello"}`` and so on; the other roles are "assistant" and "system".

    Returns:
        tokens, ``(time,)``.

    Raises:
        ValueError: if the tokenizer has no chat template: its model has not learnt to answer.
    """
    if not isinstance(tokenizer, TransformersTokenizer) or not tokenizer.inner.chat_template:
        raise ValueError(
            "This model continues texts and has not learnt to answer: use `largemodels generate`."
        )
    ids = tokenizer.inner.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=False)
    return torch.tensor(ids, dtype=torch.int64)


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
