"""Text from a language model: a prompt goes in as text, the completion comes out piece by piece.

This takes more than decoding tokens. A character may span several tokens, and is returned once complete
(:mod:`.incremental`). A stop string may start in one token and end in another, so text that could be its beginning is
held back; text once returned stays. And prompts of different lengths are padded to form one batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .generation import beam_search, pad, steps
from .incremental import IncrementalDecoder
from .protocol import LanguageModel
from .sampling import Sampling
from .tokenizers import Tokenizer, TransformersTokenizer, valid


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
        prompt: text, or its tokens ``(time,)``, not empty; the model sees its last ``context_length`` tokens.
        n_new: maximum number of tokens to generate; an end-of-text token stops generation sooner.
        stop: strings before the first of which generation stops.
        generator: random generator, on the CPU; None: the global one.
        sampling: fields of :class:`.sampling.Sampling`, such as ``temperature=0.8``.

    Returns:
        the continuation in pieces, some empty: one for each token, and one for the end.

    Raises:
        ValueError: for an empty prompt, a character without a token, or an option out of range.
    """
    tokens = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    if not len(tokens):
        raise ValueError("The prompt is empty: it needs at least one character.")
    text, chosen_by = _Text(tokenizer, stop, tokens), Sampling(**sampling)
    tokens = tokens[None].to(next(model.parameters()).device)  # (1, time)

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
        raise ValueError("A prompt is empty: each needs at least one character.")
    tokens, mask = (some.to(next(model.parameters()).device) for some in pad(encoded))
    padding = None if mask.all() else mask
    chosen_by = Sampling(**sampling)
    texts = [_Text(tokenizer, stop, prompt) for prompt in encoded]
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
    """Continue a text by :func:`.generation.beam_search`, to which ``options`` are passed."""
    tokens = tokenizer.encode(prompt)
    text, end_token = _Text(tokenizer, stop, tokens), tokenizer.end_of_text
    batch = tokens[None].to(next(model.parameters()).device)  # (1, time)
    found = beam_search(model, batch, n_new, n_beam, end_token=end_token, **options)  # type: ignore[arg-type]
    pieces = [text.add(int(token)) for token in found[0, len(tokens) :]]
    return "".join(pieces) + text.rest()


def written_dialogue(tokenizer: Tokenizer, messages: Sequence[dict[str, str]]) -> Tensor:
    """A conversation in the format of the model's chat template, up to the start of its next answer.

    Only the template places control tokens: a marker such as ``<|im_end|>`` within a message is encoded as text.

    Args:
        tokenizer: of ``transformers``, with a chat template.
        messages: ``{"role": "user", "content": "Hello"}`` and so on; the other roles are "assistant" and "system".

    Returns:
        tokens, ``(time,)``.

    Raises:
        ValueError: if the tokenizer has no chat template: its model was not trained for conversations. Or if a message
            contains an unpaired surrogate.
    """
    if not isinstance(tokenizer, TransformersTokenizer) or not tokenizer.inner.chat_template:
        raise ValueError(
            "This model only continues text; it was not trained to answer: use `largemodels generate`."
        )
    inner = tokenizer.inner
    quoted, markers = _without_markers(messages, tokenizer)
    text = str(inner.apply_chat_template(quoted, add_generation_prompt=True, tokenize=False))
    ids: list[int] = []
    for piece in re.split(f"([{''.join(markers)}])", text) if markers else [text]:
        if piece in markers:
            ids += tokenizer.encode(markers[piece]).tolist()
        else:
            ids += inner.encode(valid(piece), add_special_tokens=False)
    return torch.tensor(ids, dtype=torch.int64)


def _without_markers(messages: Any, tokenizer: TransformersTokenizer) -> tuple[Any, dict[str, str]]:
    """Messages with a character in place of each marker of a control token.

    Returns:
        the messages, and the markers by the characters that stand for them, which are for private use in Unicode and
        occur neither in the messages nor in the template.
    """
    used = json.dumps([messages, tokenizer.inner.chat_template], ensure_ascii=False, default=str)
    free = (chr(code) for code in range(0xF0000, 0xFFFFE) if chr(code) not in used)
    control = {token.content for token in tokenizer.inner.added_tokens_decoder.values() if token.special}
    longest_first = sorted(control, key=len, reverse=True)  # one may contain another
    markers = dict(zip(free, longest_first, strict=False))

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            for character, marker in markers.items():
                value = value.replace(marker, character)
            return value
        if isinstance(value, list | tuple):
            return [replaced(some) for some in value]
        if isinstance(value, dict):
            return {key: replaced(some) for key, some in value.items()}
        return value

    return replaced(messages), markers


class _Text:
    """The text of a growing sequence of tokens up to a stop string, released as soon as it can no longer change.

    The text ends before the stop string that is complete first, however the text is cut into tokens; of several that
    are complete at the same character, before the longest.

    Args:
        tokenizer: decodes the tokens.
        stop: strings before which the text ends.
        prompt: the tokens before, ``(time,)``.
    """

    def __init__(
        self, tokenizer: Tokenizer, stop: Sequence[str], prompt: Tensor | Sequence[int] = ()
    ) -> None:
        if isinstance(stop, str) or "" in stop:
            raise ValueError("stop must be a list of strings, none of them empty.")
        self.stop, self.end_of_text = stop, tokenizer.end_of_text
        self.decoder = IncrementalDecoder(tokenizer, prompt)
        self.held = ""  # text that may begin a stop string
        self.ended = False

    def add(self, token: int) -> str:
        """Add a token; returns the text that it completes."""
        if self.ended:
            return ""
        if token == self.end_of_text:
            return self.rest()
        self.held += self.decoder.add(token)
        return self._release(self._begun())

    def rest(self) -> str:
        """The text that was still held back after the last token."""
        if self.ended:
            return ""
        self.held += self.decoder.rest()
        piece = self._release(len(self.held))
        self.ended = True
        return piece

    def _release(self, end: int) -> str:
        """The held text up to ``end``, or up to a stop string, with which the text ends."""
        places = [(place + len(some), place) for some in self.stop if (place := self.held.find(some)) >= 0]
        if places:
            end, self.ended = min(places)[1], True
        piece, self.held = self.held[:end], self.held[end:]
        return piece

    def _begun(self) -> int:
        """Where in the held text a stop string may begin that later tokens complete."""
        longest = max(map(len, self.stop), default=1)
        for place in range(max(0, len(self.held) - longest + 1), len(self.held)):
            if any(some.startswith(self.held[place:]) for some in self.stop):
                return place
        return len(self.held)
