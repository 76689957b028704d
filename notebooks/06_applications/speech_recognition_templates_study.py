"""Study of the chapter "Speech recognition": the words of the training prompt that sounds most
alike.

    make study NAME=06_applications/speech_recognition_templates

One thread, about 2 minutes. Dynamic time warping on spectrograms of 20, 40 or 60 bands, chosen on
validation prompts.
"""

from __future__ import annotations

from typing import Any

import jiwer
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models.mel import normalised_log_mel
from largemodels.models.templates import warping_distances

LONGEST = 15  # seconds, as in the first study
SMOOTHED = 4  # frames that are averaged, 40 ms


def features(prompt: speech.Prompt, n_mel: int) -> Tensor:
    """A spectrogram of 25 frames a second, ``(frames, n_mel)``."""
    x = normalised_log_mel(prompt.sound, speech.RATE, n_mel)
    return x[: len(x) // SMOOTHED * SMOOTHED].view(-1, SMOOTHED, n_mel).mean(dim=1)


def nearest(part: str, n_mel: int) -> dict[str, Any]:
    """Words of the nearest training prompt for each prompt of a part."""
    parts = speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])
    known = [features(it, n_mel) for it in parts["train"]]
    said = []
    for it in parts[part]:
        at = int(warping_distances(features(it, n_mel), known).argmin())
        said.append(parts["train"][at].words)
    return {"error": float(jiwer.wer([it.words for it in parts[part]], said)), "said": said}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_recognition_templates")
    tried = {
        n: study.row(nearest, part="validation", n_mel=n)["error"] for n in (20, 40, 60)
    }
    study.row(nearest, part="test", n_mel=min(tried, key=tried.__getitem__))
    study.save()
