"""Study of the chapter "Speech recognition": the recogniser that was chosen, with three seeds.

    make study NAME=06_applications/speech_recognition_seeds

One thread, about 5 minutes: eight passes over the training prompts each, without the model of
letters.
"""

from __future__ import annotations

from typing import Any

import torch
from speech_recognition_study import EPOCH, STUDY, chosen, heard, parts, trained

import largemodels as lm
from largemodels.objectives import ctc

STEPS = 8 * EPOCH
SEEDS = (0, 1, 2)


def test(seed: int, kind: str, rate: float, steps: int) -> dict[str, Any]:
    """What a recogniser writes for the test prompts."""
    model, errors = trained(seed, kind, rate, steps)
    scores = heard(model, [it.sound for it in parts()["test"]])
    return {
        "validation": errors[-1],
        "curve": errors,
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_seeds")
    for seed in SEEDS:
        study.row(test, seed=seed, steps=STEPS, **chosen())
    study.save()
