"""Study of the chapter "Speech recognition": Whisper with its safeguards under noise and in pauses,
and the trained recogniser with the training set's scale of loudness.

    make study NAME=06_applications/speech_recognition_guarded

One thread, about 4 minutes. The same prompts, noise and pauses as in the study of Whisper. Where a
text is drawn at random, three seeds.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from speech_recognition_beam_study import model as recogniser
from speech_recognition_long_study import helped
from speech_recognition_noise_study import help_of_letters
from speech_recognition_study import STUDY, parts
from speech_recognition_whisper_study import model as transcriber
from speech_recognition_whisper_study import sample, sounds
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models.mel import mel_power
from largemodels.objectives import ctc
from largemodels.pretrained import whisper
from largemodels.pretrained.whisper_guarded import guarded
from largemodels.text.recognition import word_errors
from largemodels.text.spoken import spoken

SEEDS = 3
NOISY = [("white", -5.0), ("white", 0.0), ("speech-shaped", -5.0), ("speech-shaped", 0.0)]
PAUSES = ("zeros", "only white", "only speech-shaped")


def pauses() -> list[Tensor]:
    """Eleven pauses: zeros, the same each time, once, and five of soft noise of each kind."""
    return [
        it for how in PAUSES for it in sounds(how, 0.0)[: 1 if how == "zeros" else None]
    ]


def ask(how: str, level: float) -> dict[str, Any]:
    """Errors and letters of what Whisper writes, for each seed, and how the safeguards judged the
    greedy text. Texts that were drawn are not kept: at a high temperature they can be offensive.
    """
    if how == "pauses":
        its, words = pauses(), [""] * len(pauses())
    else:
        its = [it.sound for it in sample()] if how == "as it is" else sounds(how, level)
        words = [it.words for it in sample()]
    found = [
        guarded(
            transcriber(),
            speech.resampled(it, whisper.RATE),
            [1000 * seed + at for seed in range(SEEDS)],
        )
        for at, it in enumerate(its)
    ]
    ends = [[its[seed][-1] for its in found] for seed in range(SEEDS)]
    said = [[spoken("" if it.silent else it.text) for it in its] for its in ends]
    return {
        "errors": [word_errors(its, words).tolist() for its in said],
        "letters": [[len(it) for it in its] for its in said],
        "greedy": [its[0][0].text for its in found],
        "silenced": [sum(it.silent for it in its) for its in ends],
        "again": sum(len(its[0]) > 1 for its in found),
        "judged": [
            [round(x, 3) for x in (it.compression, it.log_probability, it.no_speech)]
            for it in (its[0][0] for its in found)
        ],
    }


def log_mel(sound: Tensor) -> Tensor:
    """Log-mel features as the recogniser reads them, before they are scaled."""
    return (
        mel_power(sound, speech.RATE, speech.RATE // 40, speech.RATE // 100, 40) + 1e-6
    ).log()


@functools.cache
def training_scale() -> tuple[Tensor, Tensor]:
    """Mean and deviation of each band in a training prompt, averaged over the prompts."""
    its = [log_mel(it.sound) for it in parts()["train"]]
    means = torch.stack([it.mean(dim=0) for it in its])
    deviations = torch.stack([it.std(dim=0, correction=0) for it in its])
    return means.mean(dim=0), deviations.mean(dim=0)


@torch.no_grad()
def scaled(scale: str) -> dict[str, Any]:
    """What the trained recogniser writes in pauses and for validation prompts, with a scale."""
    result: dict[str, Any] = {}
    for name, its in (
        ("pauses", pauses()),
        ("validation", [it.sound for it in parts()["validation"]]),
    ):
        scores = []
        for it in its:
            logs = log_mel(it)
            mean, deviation = logs.mean(dim=0), logs.std(dim=0, correction=0)
            if scale == "training":
                mean, deviation = training_scale()
            x = (logs - mean) / (deviation + 1e-3)
            scores.append(recogniser()(x[None], torch.tensor([len(x)]))[0])
        result[f"{name}, greedy"] = [ctc.decode(ctc.greedy(it)) for it in scores]
        result[f"{name}, letters"] = helped(scores, *help_of_letters())
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_guarded")
    for scale in ("recording", "training"):
        study.row(scaled, scale=scale)
    for how, level in [("pauses", 0.0), *NOISY, ("as it is", 0.0)]:
        study.row(ask, how=how, level=level)
    study.save()
