"""Study of the chapter "Speech synthesis": does a WaveNet that linear prediction guides need fewer bits?

    make study NAME=06_applications/speech_synthesis_hybrid

One thread, about 8 minutes. The network has the size, windows and lengths of training of the
WaveNet alone, and its learning rate is chosen in the same way. It reads the prediction of each
next sample and the error of the last one; the prediction is that of the best settings of the study
on linear prediction. As LPCNet does (Valin and Skoglund, 2019, https://arxiv.org/abs/1810.11846).
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
    """Bits of validation and test prompts after a run; the longest is kept."""
    config = wavenet.WaveNetConfig(guided=True, **SIZE)
    model = base.trained(config, seed, rate, steps, guesses("train"))
    if steps == base.LONG:
        study.keep("model", model)
    found = (base.costs(model, part, guesses(part)) for part in ("validation", "test"))
    return {name: value for it in found for name, value in it.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)

    def score(rate: float) -> float:
        """Validation bits at a learning rate."""
        found: float = study.row(run, rate=rate, steps=base.SHORT, seed=0)["validation"]
        return found

    best = lm.studies.best_inside(base.RATES, [1e-2], score)
    study.row(run, rate=best, steps=base.LONG, seed=0)
    for seed in (1, 2):
        study.row(run, rate=best, steps=base.SHORT, seed=seed)
    study.save()
