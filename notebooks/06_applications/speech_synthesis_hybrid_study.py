"""Study of the chapter "Speech synthesis": does it help WaveNet to be guided by linear prediction?

    make study NAME=06_applications/speech_synthesis_hybrid

One thread, about 6 minutes. The network has the size, windows and steps of the WaveNet alone. Its
learning rate is the lower one that the WaveNet alone also has had in a run of this length. It
reads the prediction of each next sample and the error of the last one; the prediction is that of
the best settings of the study on linear prediction. So does LPCNet (Valin and Skoglund, 2019,
https://arxiv.org/abs/1810.11846).
"""

from __future__ import annotations

import functools
from typing import Any

import speech_synthesis_longer_study as base
import speech_synthesis_rival_study as rival
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models import linear_prediction, wavenet

STUDY = "06_applications/speech_synthesis_hybrid"
GUIDE = linear_prediction.LinearPredictionConfig(48, 35.0, prior=0.003)
SIZE = {"kernel": 3, "n_layer": 7, "cycle": 7}  # the WaveNet's


@functools.cache
def guesses(part: str) -> list[Tensor]:
    """Companded predictions for the samples of each prompt."""
    found = []
    for it in base.parts()[part]:
        sound = rival.decoded(wavenet.to_levels(it.sound))
        guess = linear_prediction.predictions(sound, GUIDE, rival.long_term(GUIDE.order))
        found.append(wavenet.companded(torch.from_numpy(guess.clip(-1, 1)).float()))
    return found


def run(rate: float, steps: int, seed: int) -> dict[str, Any]:
    """Bits of test prompts after a long run."""
    config = wavenet.WaveNetConfig(guided=True, **SIZE)
    known = {part: guesses(part) for part in ("train", "validation")}
    model, curve = base.trained(config, seed, rate, steps, known)
    study.keep("model", model)
    found = (base.costs(model, part, guesses(part)) for part in ("validation", "test"))
    return {"curve": curve} | {name: value for it in found for name, value in it.items()}


def guide(every: int) -> dict[str, Any]:
    """Bits a sample under linear prediction alone, of the prompts of the learning curve."""
    found = rival.costs(rival.fitted(GUIDE), GUIDE, "validation")[::every]
    return {
        "alone": round(sum(found) / sum(map(len, rival.levels("validation")[::every])), 4)
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    study.row(guide, every=base.EVERY)
    study.row(run, rate=3e-3, steps=base.LONG, seed=0)
    study.save()
