"""A chat template for a tokenizer of our own: two tokens that say who speaks.

The tokens come after those of the text, so a model needs ``vocab_size + 2``. Like the marks of ChatML they are control
tokens: no text that a user writes can produce them, whatever it looks like.
"""

from __future__ import annotations

import json
from typing import Any

from .tokenizers import END_OF_TEXT, ByteBPE, TransformersTokenizer

USER, ASSISTANT = "<|user|>", "<|assistant|>"
# What a user says follows the first mark, what the model says the second, with the end of text after it.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}" + USER + "{{ message.content }}"
    "{% elif message.role == 'assistant' %}" + ASSISTANT + "{{ message.content }}" + END_OF_TEXT + ""
    "{% else %}{{ raise_exception('There is no role ' + message.role) }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)


def with_speakers(tokenizer: ByteBPE) -> TransformersTokenizer:
    """The same tokens of text and two more, for the user and the assistant, with the template that places them.

    Args:
        tokenizer: byte pairs with an end of text; it stays as it is.

    Raises:
        ValueError: if it has no end of text.
    """
    from tokenizers import AddedToken
    from tokenizers import Tokenizer as Fast
    from transformers import PreTrainedTokenizerFast

    if tokenizer.end_of_text is None:
        raise ValueError("Speakers need a tokenizer with an end of text: an answer ends with it.")
    described: dict[str, Any] = tokenizer.to_json()["tokenizer"]
    fast = Fast.from_str(json.dumps(described))
    fast.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (USER, ASSISTANT)])
    inner = PreTrainedTokenizerFast(tokenizer_object=fast, eos_token=END_OF_TEXT)
    inner.chat_template = TEMPLATE
    return TransformersTokenizer(inner)
