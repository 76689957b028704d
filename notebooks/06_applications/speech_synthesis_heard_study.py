"""Study of the chapter "Speech synthesis": what Whisper hears when two voices read the prompts.

    make study NAME=06_applications/speech_synthesis_heard

One thread, about 5 minutes. All test prompts, read by the trained voice and by the voice of
rules, and reduced to the prompts' 8,000 samples a second. Voice and speed of the voice of rules
are those that Whisper understood best on validation prompts; the trained voice speaks as its
makers set it. What Whisper hears of the recordings themselves is in the study of the chapter on
recognition.
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
from largemodels.text.recognition import error_rate, word_errors
from largemodels.text.spoken import spoken

STUDY = "06_applications/speech_synthesis_heard"
LONGEST = 15  # seconds, as in the other studies
RATE = 22_050  # samples a second of both voices
TRAINED = "joe"  # the trained voice; all others are voices of rules
USUAL = 175  # words a minute
# Voices of rules (a man's, a woman's, one with another model of the throat), and their speeds.
TRIED = (
    ("en-us", USUAL),
    ("en-us", 130),
    ("en-us+f2", USUAL),
    ("en-us+f2", 130),
    ("en-us+klatt4", USUAL),
)


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


def read(part: str, voice: str, speed: int, seed: int) -> list[Any]:
    """The prompts of a part read by a voice, each ``(samples,)``."""
    torch.set_num_threads(1)
    texts = [written(it) for it in parts()[part]]
    if voice != TRAINED:
        return [espeak.speak(it, voice, speed)[0].numpy() for it in texts]
    trained = piper.load_voice(seed)
    return [trained.speak(it).numpy() for it in texts]


def read_afresh(part: str, voice: str, speed: int, seed: int) -> list[Tensor]:
    """The same in a new process, as eSpeak NG depends on what it has said before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(read, part, voice, speed, seed).result()
    return [torch.from_numpy(it) for it in found]


def changed(sound: Tensor, old: int, new: int) -> Tensor:
    """A sound at another rate."""
    common = math.gcd(old, new)
    found = resample_poly(sound.numpy(), new // common, old // common)
    return torch.from_numpy(found.astype(np.float32))


def ask(part: str, voice: str, speed: int, rate: int, seed: int) -> dict[str, Any]:
    """What Whisper writes for a voice."""
    sounds = [changed(it, RATE, rate) for it in read_afresh(part, voice, speed, seed)]
    heard = [changed(it, rate, whisper.RATE) for it in sounds]
    seconds = round(sum(len(it) for it in heard) / whisper.RATE, 2)
    return {"said": model().transcribe(heard, at_once=1), "minutes_read": seconds / 60}


def trial(voice: str, speed: int) -> dict[str, Any]:
    """Words of validation prompts that Whisper gets wrong, in per cent."""
    said = ask("validation", voice, speed, speech.RATE, 0)["said"]
    words = [it.words for it in parts()["validation"]]
    return {"wrong": round(error_rate(word_errors([spoken(it) for it in said], words)), 3)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    tried = [study.row(trial, voice=voice, speed=speed) for voice, speed in TRIED]
    best = min(tried, key=lambda it: it["wrong"])
    for voice, speed in ((TRAINED, USUAL), (best["voice"], best["speed"])):
        study.row(ask, part="test", voice=voice, speed=speed, rate=speech.RATE, seed=0)
    study.save()
