"""Study of the chapter "Speech synthesis": what Whisper hears when two voices read the prompts.

    make study NAME=06_applications/speech_synthesis_heard

One thread, about 4 minutes. All test prompts, read by the trained voice and by the voice of
rules, and reduced to the prompts' 8,000 samples a second. What Whisper hears of the recordings
themselves is in the study of the chapter on recognition.
"""

from __future__ import annotations

import functools
import math
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.pretrained import piper, whisper
from largemodels.text import espeak
from largemodels.text.spoken import spoken

STUDY = "06_applications/speech_synthesis_heard"
LONGEST = 15  # seconds, as in the other studies
RATE = 22_050  # samples a second of both voices


@functools.cache
def model() -> whisper.Transcriber:
    """Whisper tiny.en."""
    return whisper.load_whisper()


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


def written(prompt: speech.Prompt) -> str:
    """A prompt's text for a voice: no remarks, signs and misprints as they are said."""
    text = re.sub(r"\[[^]]*\]|\([^)]*\)|<[^>]*>", " ", prompt.text)
    text = re.sub(r"\.\.+", " ", text.replace("#", "pound").replace("*", "star"))
    text = " ".join(text.split())
    return text if spoken(text) == prompt.words else prompt.words


def read(voice: str, seed: int) -> list[Tensor]:
    """The test prompts read by a voice, each ``(samples,)``."""
    torch.set_num_threads(1)
    texts = [written(it) for it in parts()["test"]]
    if voice == "rules":
        return [espeak.speak(it)[0] for it in texts]
    trained = piper.load_voice(seed)
    return [trained.speak(it) for it in texts]


@functools.cache
def read_afresh(voice: str, seed: int) -> list[Tensor]:
    """The same in a new process, as eSpeak NG depends on what it has said before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(read_as_numbers, voice, seed).result()
    return [torch.from_numpy(it) for it in found]


def read_as_numbers(voice: str, seed: int) -> list[Any]:
    """What :func:`read` returns, for another process."""
    return [it.numpy() for it in read(voice, seed)]


def changed(sound: Tensor, old: int, new: int) -> Tensor:
    """A sound at another rate."""
    common = math.gcd(old, new)
    found = resample_poly(sound.numpy(), new // common, old // common)
    return torch.from_numpy(found.astype(np.float32))


def ask(voice: str, rate: int, seed: int) -> dict[str, Any]:
    """What Whisper writes for a voice."""
    sounds = read_afresh(voice, seed)
    if rate != RATE:
        sounds = [changed(it, RATE, rate) for it in sounds]
    heard = [changed(it, rate, whisper.RATE) for it in sounds]
    seconds = round(sum(len(it) for it in heard) / whisper.RATE, 2)
    return {"said": model().transcribe(heard, at_once=1), "minutes_read": seconds / 60}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    for voice in ("trained", "rules"):
        study.row(ask, voice=voice, rate=speech.RATE, seed=0)
    study.save()
