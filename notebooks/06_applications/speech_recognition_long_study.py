"""Study of the chapter "Speech recognition": the recogniser that was chosen, trained longer, with
a model of letters.

    make study NAME=06_applications/speech_recognition_long

One thread, about 7 minutes: 56 passes over the training prompts. The model of letters for the
beam and its weight are chosen on the validation prompts. The recogniser is kept.
"""

from __future__ import annotations

from typing import Any

import jiwer
import torch
from speech_recognition_study import EPOCH, STUDY, beam, chosen, heard, parts, trained

import largemodels as lm
from largemodels.objectives import ctc

STEPS = 56 * EPOCH
ORDERS, WEIGHTS, BONUSES = (3, 5, 7), (0.2, 0.4, 0.7, 1.0), (0.0, 0.5, 1.0, 1.5)
N_BEAM = 8


def test(seed: int, kind: str, rate: float, steps: int) -> dict[str, Any]:
    """Choose the help of letters on validation prompts; what is written for the test prompts."""
    model, errors = trained(seed, kind, rate, steps)
    study.keep("longer", model)
    scores = {
        part: heard(model, [it.sound for it in its])
        for part, its in parts().items()
        if part != "train"
    }
    words = [it.words for it in parts()["validation"]]
    tried = {
        (order, weight, bonus): float(
            jiwer.wer(words, beam(scores["validation"], order, weight, bonus, 4))
        )
        for order in ORDERS
        for weight in WEIGHTS
        for bonus in BONUSES
    }
    order, weight, bonus = min(tried, key=tried.__getitem__)
    return {
        "curve": errors,
        "validation": errors[-1],
        "order": order,
        "weight": weight,
        "bonus": bonus,
        "helped": min(tried.values()),
        "tried": [[*map(float, key), round(value, 4)] for key, value in tried.items()],
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores["test"]],
        "beam": beam(scores["test"], 0, 0.0, 0.0, N_BEAM),
        "letters": beam(scores["test"], order, weight, bonus, N_BEAM),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_long")
    study.row(test, seed=0, steps=STEPS, **chosen())
    study.save()
