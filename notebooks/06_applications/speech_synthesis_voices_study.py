"""Study of the chapter "Speech synthesis": does Whisper understand other voices of rules better?

    make study NAME=06_applications/speech_synthesis_voices

One thread, about 5 minutes. The first study on what is heard found slow speech better, and its
slowest was the best. Here the two best voices speak more slowly, on validation prompts; the best
of all settings reads the test.
"""

from __future__ import annotations

import speech_synthesis_heard_study as heard
import torch

import largemodels as lm
from largemodels.data import speech

STUDY = "06_applications/speech_synthesis_voices"
TRIED = (
    ("en-us+klatt4", 130),
    ("en-us+klatt4", 110),
    ("en-us+klatt4", 90),
    ("en-us+f2", 110),
    ("en-us+f2", 90),
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    tried = [study.row(heard.trial, voice=voice, speed=speed) for voice, speed in TRIED]
    best = min(tried, key=lambda it: it["wrong"])  # below all of the first study
    voice, speed = best["voice"], best["speed"]
    study.row(heard.ask, part="test", voice=voice, speed=speed, rate=speech.RATE, seed=0)
    study.save()
