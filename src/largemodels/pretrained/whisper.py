"""Whisper tiny.en, which writes what is said in English, from its package: data that is read, never run.

Radford et al., 2022 (https://arxiv.org/abs/2212.04356). The package keeps the weights in half precision in the binary
format of the program CTranslate2, a table of names, shapes, types and numbers; here they become float32. See the card
``whisper.md``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..data.checks import DataError
from ..data.registry import files
from ..models.conditioned import BoundDecoder
from ..models.mel import whisper_features
from ..models.modes import evaluating
from ..models.whisper import Whisper, WhisperConfig
from ..text.generation import beam_search, generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Fast

RATE = 16_000  # samples a second
START = (50257, 50362)  # "a transcript starts", "without time stamps"
END = 50256
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}  # as CTranslate2 numbers them
_BATCH = 4  # sounds at once


@dataclass(frozen=True)
class Transcriber:
    """A trained model with its tokens."""

    model: Whisper
    tokenizer: Fast
    never: tuple[int, ...]  # tokens that are not to be written: signs, such as of music, and commands
    never_first: tuple[int, ...]  # and not as the first token: the blank and the end

    @torch.no_grad()
    def transcribe(
        self,
        sounds: Sequence[Tensor],
        n_beam: int = 1,
        *,
        at_once: int = _BATCH,
        n_new: int = 200,
    ) -> list[str]:
        """What is said in sounds.

        Args:
            sounds: ``(samples,)`` each, :data:`RATE` samples a second; what comes after 30 seconds is ignored.
            n_beam: 1 takes the likeliest token at each step; above, :func:`~.text.generation.beam_search`.
            at_once: sounds in a batch.
            n_new: tokens at most.
        """
        said: list[str] = []
        for at in range(0, len(sounds), at_once):
            source = torch.stack([whisper_features(it) for it in sounds[at : at + at_once]])
            start = torch.tensor([START] * len(source))
            bound = _Allowed(self, source, len(START))
            with evaluating(self.model):
                if n_beam == 1:
                    found = generate(bound, start, n_new, temperature=0, end_token=END)
                else:
                    found = beam_search(bound, start, n_new, n_beam, end_token=END)
            said += [self.decode(row) for row in found[:, len(START) :]]
        return said

    def decode(self, tokens: Tensor) -> str:
        """The text of tokens, ``(time,)``, up to the end."""
        numbers = tokens.tolist()
        numbers = numbers[: numbers.index(END)] if END in numbers else numbers
        return self.tokenizer.decode(numbers).strip()

    def encode(self, text: str) -> Tensor:
        """The tokens of a text, with start and end: ``(time,)``."""
        inside = self.tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids
        return torch.tensor([*START, *inside, END])


class _Allowed(BoundDecoder):
    """A decoder that cannot write some tokens, and others not as the first."""

    def __init__(self, transcriber: Transcriber, source: Tensor, n_start: int) -> None:
        super().__init__(transcriber.model, source)
        self.never, self.never_first = list(transcriber.never), list(transcriber.never_first)
        self.n_start, self.n_read = n_start, 0

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, cache: object = None) -> Tensor:
        """As the decoder; it also notes how many tokens were read."""
        hidden = super().hidden(tokens, mask, cache)
        self.n_read = tokens.shape[1] if cache is None else cache.length  # type: ignore[attr-defined]
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """``(…, d_model)`` to ``(…, vocab_size)``, minus infinity for what is not to be written."""
        logits = super().logits(hidden)
        logits[..., self.never] = -torch.inf
        if self.n_read == self.n_start:
            logits[..., self.never_first] = -torch.inf
        return logits


def load_whisper(*, unchecked: bool = False) -> Transcriber:
    """Whisper tiny.en, 37.8 million parameters, trained in float16 and here in float32, in evaluation mode.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    from tokenizers import Tokenizer as Fast

    found = files("whisper", unchecked=unchecked)
    config = json.loads(found["config.json"].read_text(encoding="utf-8"))
    commands = range(END + 1, WhisperConfig().vocab_size)
    return Transcriber(
        whisper_from(found["model.bin"]),
        Fast.from_file(str(found["tokenizer.json"])),
        tuple(sorted({*config["suppress_ids"], *commands})),
        tuple(config["suppress_ids_begin"]),
    )


def whisper_from(path: Path) -> Whisper:
    """Our model with the weights of a file of CTranslate2.

    Raises:
        DataError: if the file cannot be read, or has other tensors.
    """
    model, stored = Whisper(WhisperConfig()), tensors(path.read_bytes())
    try:
        state = {
            "embedding.weight": stored["decoder/embeddings/weight"],
            "target_position.weight": stored["decoder/position_encodings/encodings"],
        }
        for name in ("conv1", "conv2"):
            state |= {f"{name}.{it}": stored[f"encoder/{name}/{it}"] for it in ("weight", "bias")}
        for side, n in (("encoder", model.config.n_layer), ("decoder", model.config.n_decoder_layer)):
            state |= _norm(stored, f"{side}_norm", f"{side}/layer_norm")
            for number in range(n):
                state |= _block(stored, f"{side}.{number}.", f"{side}/layer_{number}/", side == "decoder")
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise DataError(f"{path.name} does not hold the tensors of Whisper tiny.en: {error}") from error
    return model.eval()


def _norm(stored: dict[str, Tensor], ours: str, theirs: str) -> dict[str, Tensor]:
    return {f"{ours}.weight": stored[f"{theirs}/gamma"], f"{ours}.bias": stored[f"{theirs}/beta"]}


def _linear(stored: dict[str, Tensor], ours: str, theirs: str) -> dict[str, Tensor]:
    return {f"{ours}.{it}": stored[f"{theirs}/{it}"] for it in ("weight", "bias")}


def _block(stored: dict[str, Tensor], ours: str, theirs: str, decoder: bool) -> dict[str, Tensor]:
    """One block of the encoder or the decoder."""
    state = _norm(stored, f"{ours}attention.norm", f"{theirs}self_attention/layer_norm")
    state |= _linear(stored, f"{ours}attention.layer.qkv", f"{theirs}self_attention/linear_0")
    state |= _linear(stored, f"{ours}attention.layer.project", f"{theirs}self_attention/linear_1")
    if decoder:
        state |= _norm(stored, f"{ours}cross_attention.norm", f"{theirs}attention/layer_norm")
        for number, name in enumerate(("query", "key_value", "project")):
            part = f"{theirs}attention/linear_{number}"
            state |= _linear(stored, f"{ours}cross_attention.layer.{name}", part)
    state |= _norm(stored, f"{ours}mlp.norm", f"{theirs}ffn/layer_norm")
    state |= _linear(stored, f"{ours}mlp.layer.expand", f"{theirs}ffn/linear_0")
    return state | _linear(stored, f"{ours}mlp.layer.contract", f"{theirs}ffn/linear_1")


def tensors(stored: bytes) -> dict[str, Tensor]:
    """Tensors of a model file of CTranslate2, in float32, by name.

    Raises:
        DataError: if the contents cannot be read.
    """
    at = 0

    def read(kind: str) -> int:
        nonlocal at
        value: int = struct.unpack_from(kind, stored, at)[0]
        at += struct.calcsize(kind)
        return value

    def name() -> str:
        nonlocal at
        n = read("<H")
        at += n
        return stored[at - n : at - 1].decode()  # it ends with a zero

    found: dict[str, Tensor] = {}
    try:
        read("<I"), name(), read("<I")  # version of the format, kind of model, its revision
        for _ in range(read("<I")):
            key, rank = name(), read("<B")
            shape = [read("<I") for _ in range(rank)]
            kind, n_bytes = _TYPES[read("<B")], read("<I")
            numbers = np.frombuffer(stored[at : at + n_bytes], kind)
            found[key] = torch.from_numpy(numbers.reshape(shape).astype(np.float32))
            at += n_bytes
    except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise DataError("The file of weights is damaged.") from error
    return found
