"""Study of the chapter "Speech recognition": what Whisper writes for the test prompts.

    make study NAME=06_applications/speech_recognition_whisper

One thread, about 8 minutes. All test prompts as they are; and a sample of them under noise of two
kinds at five signal-to-noise ratios, cut off in the middle, and pauses without any speech.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.pretrained import whisper

LONGEST = 15  # seconds, as in the first study
SAMPLE = 24  # prompts that are asked again
LEVELS = (20, 10, 5, 0, -5)  # decibels
NOISES = ("white", "speech-shaped")
PAUSES, SECONDS = 5, 5  # pauses of each kind, and their length


@functools.cache
def model() -> whisper.Transcriber:
    """Whisper tiny.en."""
    return whisper.load_whisper()


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


def sample() -> list[speech.Prompt]:
    """The test prompts that are asked again, the same for all."""
    its = parts()["test"]
    chosen = np.random.default_rng(0).permutation(len(its))[:SAMPLE]
    return [its[at] for at in sorted(chosen)]


def noise(kind: str, n: int, seed: int) -> Tensor:
    """Noise of a kind, ``(n,)``."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "white":
        return speech.white_noise(n, generator)
    return speech.speech_shaped_noise(n, [it.sound for it in parts()["train"]], generator)


def sounds(how: str, level: float) -> list[Tensor]:
    """What is heard, 8,000 samples a second."""
    if how == "clean":
        return [it.sound for it in parts()["test"]]
    if how == "cut":
        return [it.sound[: int(level * len(it.sound))] for it in sample()]
    n = SECONDS * speech.RATE
    if how == "zeros":
        return [torch.zeros(n) for _ in range(PAUSES)]
    if how.startswith("only "):
        return [
            0.02 * noise(how.removeprefix("only "), n, seed) / 3 for seed in range(PAUSES)
        ]
    its = [it.sound for it in sample()]
    return [
        speech.noisy(it, level, noise(how, len(it), seed)) for seed, it in enumerate(its)
    ]


def ask(how: str, level: float) -> dict[str, Any]:
    """What Whisper writes."""
    its = [speech.resampled(it, whisper.RATE) for it in sounds(how, level)]
    return {"said": model().transcribe(its, at_once=1)}


CONDITIONS = [("clean", 0.0), *((it, float(level)) for level in LEVELS for it in NOISES)]
CONDITIONS += [
    ("cut", 0.5),
    ("zeros", 0.0),
    ("only white", 0.0),
    ("only speech-shaped", 0.0),
]

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_recognition_whisper")
    for how, level in CONDITIONS:
        study.row(ask, how=how, level=level)
    study.save()
