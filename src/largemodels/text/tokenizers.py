"""From text to integers and back.

Three tokenizers share one small interface, :class:`Tokenizer`: one token per character; byte-pair encoding learned
from texts; and any fast tokenizer of ``transformers``. All return ``(time,)`` of int64 and treat text as nothing but
text: a marker such as ``<|endoftext|>`` typed by a user does not become the control token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..files import aside, regular
from . import probe

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Fast
    from transformers import PreTrainedTokenizerBase

END_OF_TEXT = "<|endoftext|>"


@runtime_checkable
class Tokenizer(Protocol):
    """The interface of a tokenizer; a class need not inherit from it."""

    name: str  # "characters", "byte pairs" or "transformers"
    end_of_text: int | None  # the token that separates documents, if there is one

    @property
    def vocab_size(self) -> int:
        """Number of distinct tokens."""
        ...

    def encode(self, text: str) -> Tensor:
        """Tokens of a text: ``(time,)``, int64."""
        ...

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of a sequence of tokens ``(time,)``."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Everything that :func:`load` needs, as data, not code."""
        ...


class CharTokenizer:
    """One token per character, in the order of code points.

    Args:
        text: every character that occurs in it becomes a token.
    """

    name = "characters"
    end_of_text: int | None = None

    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))
        self._tokens = {character: token for token, character in enumerate(self.characters)}

    @property
    def vocab_size(self) -> int:
        """Number of distinct tokens."""
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        """Tokens of a text: ``(time,)``, int64.

        Raises:
            ValueError: if a character has no token.
        """
        unknown = sorted(set(text) - self._tokens.keys())
        if unknown:
            shown = " ".join(map(repr, unknown[:5]))
            raise ValueError(
                f"No token for {shown}: the model was trained on a text of {self.vocab_size} other characters."
            )
        return torch.tensor([self._tokens[character] for character in text], dtype=torch.int64)

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of a sequence of tokens ``(time,)``."""
        return "".join(self.characters[token] for token in _integers(tokens, self.vocab_size))

    def to_json(self) -> dict[str, Any]:
        """The characters."""
        return {"characters": self.characters}


class ByteBPE:
    """Byte-level byte-pair encoding (BPE): the 256 bytes, and frequent pairs of tokens, merged one after the other.

    Sennrich et al., 2016 (https://arxiv.org/abs/1508.07909), on bytes as in GPT-2 (Radford et al., 2019, section
    2.2), so that every text can be encoded. Text is first split at spaces and between letters, digits and punctuation
    by GPT-2's pattern; no token crosses a split. Token 0 is the end of a text.

    Args:
        fast: a trained tokenizer of the package ``tokenizers``; :meth:`train` creates one.
    """

    name = "byte pairs"

    def __init__(self, fast: Fast) -> None:
        self._fast = fast
        self._fast.encode_special_tokens = True  # a marker in a text is encoded as text
        self.end_of_text: int | None = fast.token_to_id(END_OF_TEXT)

    @classmethod
    def train(cls, texts: str | Iterable[str], vocab_size: int) -> ByteBPE:
        """Learn the merges from texts.

        Args:
            texts: one text, or several; no pair crosses the boundary between two.
            vocab_size: number of tokens, at least 257: the bytes and the end of a text. Texts with too little
                repetition yield fewer.

        Raises:
            ValueError: if ``vocab_size`` is below 257 or above a million.
        """
        from tokenizers import models, pre_tokenizers, trainers

        if not 257 <= vocab_size <= 10**6:  # memory is taken for all of them at once
            raise ValueError(
                f"vocab_size must be at least 257 (256 bytes, end of text) and at most 1,000,000, not {vocab_size:,}."
            )
        fast = _byte_level(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        fast.train_from_iterator([texts] if isinstance(texts, str) else texts, trainer)
        return cls(fast)

    @property
    def vocab_size(self) -> int:
        """Number of distinct tokens."""
        size: int = self._fast.get_vocab_size()
        return size

    def encode(self, text: str) -> Tensor:
        """Tokens of a text: ``(time,)``, int64.

        Raises:
            ValueError: if the text contains an unpaired surrogate, which cannot be encoded as UTF-8.
        """
        return torch.tensor(self._fast.encode(valid(text)).ids, dtype=torch.int64)

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of a sequence of tokens ``(time,)``; an incomplete character becomes U+FFFD, �."""
        return str(self._fast.decode(_integers(tokens, self.vocab_size), skip_special_tokens=False))

    def to_json(self) -> dict[str, Any]:
        """Vocabulary and merges, in the format of the package ``tokenizers``."""
        return {"tokenizer": json.loads(self._fast.to_str())}


class TransformersTokenizer:
    """Any fast tokenizer of ``transformers`` behind this module's interface.

    No tokens are added before or after a text. Whether ``decode(encode(text))`` returns the text depends on the
    tokenizer: GPT-2's keeps everything; SmolLM2's vocabulary lacks 21 single bytes, so it drops six control characters
    and Unicode's planes 4 to 11, in which nothing is assigned; BERT's loses case and white space.

    Args:
        inner: as returned by ``AutoTokenizer.from_pretrained``; it also holds the chat template.

    Raises:
        ValueError: if it is a slow tokenizer, one written in Python.
    """

    name = "transformers"

    def __init__(self, inner: PreTrainedTokenizerBase) -> None:
        if not getattr(inner, "is_fast", False):
            raise ValueError(f"{type(inner).__name__} is a slow tokenizer: load it with use_fast=True.")
        self.inner = inner
        self.end_of_text: int | None = inner.eos_token_id

    @property
    def vocab_size(self) -> int:
        """Number of distinct tokens, added ones included."""
        return len(self.inner)

    def encode(self, text: str) -> Tensor:
        """Tokens of a text: ``(time,)``, int64.

        Raises:
            ValueError: if the text contains an unpaired surrogate.
        """
        with _panics_as_errors():
            ids = self.inner.encode(valid(text), add_special_tokens=False, split_special_tokens=True)
        return torch.tensor(ids, dtype=torch.int64)

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of a sequence of tokens ``(time,)``, control tokens included."""
        ids = _integers(tokens, self.vocab_size)
        with _panics_as_errors():
            return str(self.inner.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def to_json(self) -> dict[str, Any]:
        """Vocabulary and merges, the control tokens and the chat template."""
        return {
            "tokenizer": json.loads(self.inner.backend_tokenizer.to_str()),
            "special_tokens": {name: str(token) for name, token in self.inner.special_tokens_map.items()},
            "chat_template": self.inner.chat_template,
        }


def save(tokenizer: Tokenizer, path: Path | str) -> None:
    """Write a tokenizer as JSON, to a temporary file that is then moved into place."""
    stored = {"largemodels": tokenizer.name} | tokenizer.to_json()
    with aside(path) as place:
        place.write_text(json.dumps(stored), encoding="utf-8")


def load(path: Path | str) -> Tokenizer:
    """Read a tokenizer that :func:`save` wrote. Of the file's content only a chat template is a program, see below.

    Of a :class:`ByteBPE` only vocabulary and merges are read, and checked. The file of a
    :class:`TransformersTokenizer` may describe anything that the package ``tokenizers`` can do, so it is tried in
    another process first (:mod:`.probe`). What cannot be guarded: a tokenizer made to take all memory for one
    particular text, and a chat template, which transformers runs without access to files or Python, but for as long as
    it takes.

    Raises:
        ValueError: if it is not such a file.
        OSError: if there is no such file.
    """
    try:
        stored = json.loads(regular(path, 10**8).read_text(encoding="utf-8"))
        name = stored["largemodels"]
        if name == CharTokenizer.name:
            return CharTokenizer("".join(stored["characters"]))
        if name == ByteBPE.name:
            return _stored_byte_pairs(stored["tokenizer"])
        if name == TransformersTokenizer.name:
            return _stored_transformers(stored)
        raise ValueError(f"unknown kind {name!r}")
    except KeyError as error:
        raise ValueError(f"{path} is not a tokenizer saved by largemodels (it has no {error}).") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a tokenizer saved by largemodels ({error}).") from None
    except (TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path} is not a tokenizer saved by largemodels (it has another form).") from None


def _byte_level(model: Any) -> Fast:
    """A tokenizer that splits a text by GPT-2's pattern, around a model of the package ``tokenizers``."""
    from tokenizers import Tokenizer as Fast
    from tokenizers import decoders, pre_tokenizers

    fast = Fast(model)
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    return fast


def _stored_byte_pairs(stored: dict[str, Any]) -> ByteBPE:
    """A tokenizer with the vocabulary and merges of a file that must say nothing else."""
    from tokenizers import models

    vocab, merges = stored["model"]["vocab"], stored["model"]["merges"]
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError("its tokens are not numbered 0, 1, 2 …")
    try:
        fast = _byte_level(models.BPE(vocab, [(first, second) for first, second in merges]))
    except Exception as error:  # the package raises nothing more specific
        raise ValueError(str(error)) from None
    if END_OF_TEXT in vocab:
        fast.add_special_tokens([END_OF_TEXT])
    tokenizer = ByteBPE(fast)
    if tokenizer.to_json()["tokenizer"] != stored:
        raise ValueError("it has settings that byte pairs do not have")
    return tokenizer


def _stored_transformers(stored: dict[str, Any]) -> TransformersTokenizer:
    """A tokenizer of transformers from a file, once another process has tried it."""
    from tokenizers import Tokenizer as Fast
    from transformers import PreTrainedTokenizerFast

    described, special, template = (
        json.dumps(stored["tokenizer"]),
        stored["special_tokens"],
        stored["chat_template"],
    )
    if not all(name.endswith("_token") and isinstance(token, str) for name, token in special.items()):
        raise ValueError("its special tokens must be texts, with names such as eos_token")
    if not isinstance(template, str | dict | None):
        raise ValueError("its chat template is not a text")
    probe.check(described)
    with _panics_as_errors():
        inner = PreTrainedTokenizerFast(tokenizer_object=Fast.from_str(described), **special)
    inner.chat_template = template
    return TransformersTokenizer(inner)


@contextmanager
def _panics_as_errors() -> Iterator[None]:
    """Turn a panic of the package ``tokenizers``, which Python would not count among its exceptions, into an error.

    Raises:
        ValueError: in place of a panic.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"The tokenizer is damaged: {error}") from None


def fingerprint(tokenizer: Tokenizer) -> str:
    """16 hexadecimal digits that identify a tokenizer: its kind and the contents of its file."""
    stored = json.dumps([tokenizer.name, tokenizer.to_json()], sort_keys=True)
    return hashlib.sha256(stored.encode()).hexdigest()[:16]


def valid(text: str) -> str:
    """The text, if it can be encoded as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"Character {error.start} of the text, {text[error.start]!r}, is an unpaired surrogate, not a character: "
            "read the text again with the right encoding."
        ) from None
    return text


def _integers(tokens: Tensor | Sequence[int], vocab_size: int) -> list[int]:
    """Tokens as Python integers.

    Raises:
        ValueError: if one is outside the vocabulary.
        TypeError: if one is not an integer.
    """
    integers = [index(token) for token in (tokens.tolist() if isinstance(tokens, Tensor) else tokens)]
    if integers and not 0 <= min(integers) <= max(integers) < vocab_size:
        wrong = next(token for token in integers if not 0 <= token < vocab_size)
        raise ValueError(f"There is no token {wrong}: the tokenizer has {vocab_size}.")
    return integers
