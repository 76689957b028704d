"""Incremental detokenisation: the text of a growing sequence of tokens, in time proportional to its length.

A token has no text of its own. Some tokenizers drop the blank before the first token, some write one between words, and
a character of several bytes may be spread over several tokens. So a token is decoded together with those before it, and
what they give alone is cut off. To decode all of them each time would take time that grows with the square of the
length; the tokens of the piece before suffice.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .tokenizers import Tokenizer

INCOMPLETE = "\ufffd"  # what tokenizers write for bytes that are no character, or not yet
LONGEST = (
    8  # tokens; a character has up to four bytes, so tokens that complete none after this many never will
)


class IncrementalDecoder:
    """The text that tokens add to a prompt: the text of both without that of the prompt.

    If the prompt ends in the middle of a character, that character is part of the added text. For bytes that are not
    UTF-8 the text has U+FFFD, where some tokenizers would, from a later token on, also replace characters before them.

    Args:
        tokenizer: decodes the tokens.
        prompt: the tokens before, ``(time,)``.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: Tensor | Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        # Tokens whose text is complete, and those since then.
        self.context = prompt.tolist() if isinstance(prompt, Tensor) else list(prompt)
        self.pending: list[int] = []
        self.given = tokenizer.decode(
            self.context
        )  # text of context and pending tokens that was returned, or prompt
        self._after_prompt = True

    def add(self, token: int) -> str:
        """Add a token; returns the text that has become certain with it, perhaps none."""
        self.pending.append(token)
        text = self._text()
        broken = len(self.pending) > LONGEST
        certain = text.removesuffix(INCOMPLETE) if broken else text.rstrip(INCOMPLETE)
        complete = broken or certain == text
        piece = certain[len(self.given) :] if text.startswith(self.given) else ""
        self.given += piece
        if complete:
            alone = self.tokenizer.decode(self.pending)
            alone = alone if certain == text else alone.removesuffix(INCOMPLETE)
            if not text.startswith(self.given):  # bytes that are not UTF-8 have changed the text before them
                piece = alone
            self.context, self.pending, self.given, self._after_prompt = self.pending, [], alone, False
        return piece

    def rest(self) -> str:
        """The text of the last tokens that was not yet certain, if no more will follow."""
        text = self._text()
        return text[len(self.given) :] if text.startswith(self.given) else self.tokenizer.decode(self.pending)

    def _text(self) -> str:
        text = self.tokenizer.decode(self.context + self.pending)
        if self._after_prompt and not text.startswith(
            self.given
        ):  # the prompt's last character is now complete
            self.given = self.given.rstrip(INCOMPLETE)
        return text
