"""Whisper's safeguards: how its published program notices loops, guesses and silence.

Radford et al., 2022 (https://arxiv.org/abs/2212.04356), section 4.5. A text that compresses too well is a loop, and one
of low probability a guess: both are written again, each time at a higher temperature. If the model also says that
nobody speaks, nothing is written. The limits are those of the program. As in :mod:`largemodels.pretrained.whisper`, no
time stamps are written.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.mel import whisper_features
from ..models.modes import evaluating
from .whisper import END, START, Transcriber

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
REPETITIVE = 2.4  # bytes of a text over those of its compressed form, above
UNLIKELY = -1.0  # mean log-probability of the tokens, below
SILENT = 0.6  # probability that nobody speaks, above
_NO_SPEECH = 50361  # the token for it


@dataclass(frozen=True)
class Attempt:
    """A text that was written at some temperature, and what the safeguards ask about it."""

    text: str
    temperature: float
    compression: float  # bytes over compressed bytes
    log_probability: float  # mean of the tokens, in nats
    no_speech: float  # probability of the token that says so, before the text

    @property
    def silent(self) -> bool:
        """Whether it is taken for silence, so that nothing is to be written."""
        return self.no_speech > SILENT and self.log_probability < UNLIKELY

    @property
    def accepted(self) -> bool:
        """Whether no further attempt is needed."""
        good = self.compression <= REPETITIVE and self.log_probability >= UNLIKELY
        return self.silent or good


def guarded(
    transcriber: Transcriber, sound: Tensor, seeds: Sequence[int] = (0,), *, n_new: int = 200
) -> list[list[Attempt]]:
    """All attempts at a sound, for each seed; the last one is the answer, unless it is silent.

    Args:
        transcriber: Whisper.
        sound: ``(samples,)``, 16,000 a second; what comes after 30 seconds is ignored.
        seeds: of the texts that are drawn; the first attempt, at temperature 0, is the same for all.
        n_new: tokens at most.
    """
    with torch.no_grad(), evaluating(transcriber.model):
        memory = transcriber.model.encode(whisper_features(sound)[None])
    first = attempt(transcriber, memory, n_new=n_new)
    found = []
    for seed in seeds:
        generator, its = torch.Generator().manual_seed(seed), [first]
        for temperature in TEMPERATURES[1:]:
            if its[-1].accepted:
                break
            its.append(attempt(transcriber, memory, temperature, generator, n_new=n_new))
        found.append(its)
    return found


@torch.no_grad()
def attempt(
    transcriber: Transcriber,
    memory: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    *,
    n_new: int = 200,
) -> Attempt:
    """One text for an encoded sound.

    Args:
        transcriber: Whisper.
        memory: ``(1, frames, d_model)``, of its encoder.
        temperature: 0 takes the likeliest token at each step.
        generator: of the tokens that are drawn.
        n_new: tokens at most.
    """
    model, tokens, total, no_speech = transcriber.model, list(START), 0.0, 0.0
    with evaluating(model):
        cache = model.new_cache(memory, length=len(START) + n_new)
        read = torch.tensor([tokens])
        for number in range(n_new):
            logits = model.logits(model.decode(read, cache=cache))[0]  # (time, vocab_size)
            if number == 0:
                no_speech = float(logits[0].softmax(dim=0)[_NO_SPEECH])
                logits[-1, list(transcriber.never_first)] = -torch.inf
            logits[-1, list(transcriber.never)] = -torch.inf
            scores = logits[-1].log_softmax(dim=0)
            if temperature:
                chances = (logits[-1] / temperature).softmax(dim=0)
                chosen = int(torch.multinomial(chances, 1, generator=generator))
            else:
                chosen = int(scores.argmax())
            total += float(scores[chosen])
            if chosen == END:
                break
            tokens.append(chosen)
            read = torch.tensor([[chosen]])
    text = transcriber.decode(torch.tensor(tokens[len(START) :]))
    return Attempt(
        text,
        temperature,
        len(text.encode()) / len(zlib.compress(text.encode())),
        total / (len(tokens) - len(START) + 1),
        no_speech,
    )
