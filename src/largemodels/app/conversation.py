"""A conversation: checked, and shortened from its beginning so that the model can read it whole."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence

from torch import Tensor

from ..text.tokenizers import Tokenizer
from ..text.writing import written_dialogue

Messages = list[dict[str, str]]


def can_answer(tokenizer: Tokenizer) -> bool:
    """Whether a model was trained for conversations: its tokenizer then has a chat template."""
    try:
        written_dialogue(tokenizer, [{"role": "user", "content": ""}])
    except ValueError:
        return False
    return True


def messages(said: object) -> Messages:
    """What has been said, as a list of messages.

    Args:
        said: messages with ``role``, "user" and "assistant" in turn, and ``content``; or the same as JSON, which is how
            the page sends them.

    Raises:
        ValueError: in one line, if it is anything else.
    """
    try:
        read = json.loads(said) if isinstance(said, str) else said
        found = [{"role": one["role"], "content": one["content"]} for one in read]  # type: ignore[union-attr]
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        found = [{}]
    for place, one in enumerate(found):
        if one.get("role") != ("user", "assistant")[place % 2] or not isinstance(one["content"], str):
            raise ValueError("The conversation cannot be read: clear it and begin again.")
    if len(found) % 2:
        raise ValueError("The conversation lacks the last answer: clear it and begin again.")
    return found


def fitted(tokenizer: Tokenizer, said: Sequence[dict[str, str]], longest: int) -> tuple[Tensor, int]:
    """A conversation in the format of the model's chat template, without the exchanges that no longer fit.

    The oldest go first, each question with its answer; the last message always stays.

    Args:
        tokenizer: of a model that can answer.
        said: messages of user and assistant in turn, the last one of the user.
        longest: number of tokens that may be left.

    Returns:
        tokens, ``(time,)``, more than ``longest`` only if the last message alone is too long; and the number of
        messages left out.
    """
    # A message has one token or more, a token rarely more than 20 characters: the rest need not be tokenised.
    first, characters = len(said) - 1, len(said[-1]["content"])
    while first and len(said) - first < longest:
        characters += sum(len(one["content"]) for one in said[first - 2 : first])
        if characters > 20 * longest:
            break
        first -= 2
    left_out = bisect_left(
        range(first, len(said) - 1, 2),
        True,
        key=lambda start: len(written_dialogue(tokenizer, said[start:])) <= longest,
    )
    start = first + 2 * left_out
    return written_dialogue(tokenizer, said[start:]), start
