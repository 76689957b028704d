"""Study of the chapter "Speech recognition": more weights for the model of letters.

    make study NAME=06_applications/speech_recognition_beam

One thread, about 2 minutes. The recogniser that was kept, its beam with longer contexts and larger
weights than the first grid, whose best lay at its edge; chosen on validation prompts.
"""

from __future__ import annotations

import functools
from typing import Any

import jiwer
import torch
from speech_recognition_long_study import helped
from speech_recognition_study import STUDY, heard, parts

import largemodels as lm
from largemodels.models.recogniser import Recogniser, RecogniserConfig

ORDERS, WEIGHTS, BONUSES = (5, 7, 9, 11), (0.7, 1.0, 1.4, 2.0), (0.5, 1.0, 2.0, 3.0)


@functools.cache
def model() -> Recogniser:
    """The recogniser that the first study kept."""
    kept = lm.studies.weights(f"{STUDY}_long", "longer")
    found = Recogniser(RecogniserConfig(**kept.config))
    found.load_state_dict(kept.state)
    return found.float().eval()


def scores(part: str) -> list[torch.Tensor]:
    """Log-probabilities of the letters for the prompts of a part."""
    return heard(model(), [it.sound for it in parts()[part]])


def tune(order: int) -> dict[str, Any]:
    """Validation errors for all weights and bonuses of an order."""
    its, words = scores("validation"), [it.words for it in parts()["validation"]]
    tried = {
        (weight, bonus): float(jiwer.wer(words, helped(its, order, weight, bonus, 4)))
        for weight in WEIGHTS
        for bonus in BONUSES
    }
    weight, bonus = min(tried, key=tried.__getitem__)
    every = [[*key, round(value, 4)] for key, value in tried.items()]
    return {
        "weight": weight,
        "bonus": bonus,
        "validation": min(tried.values()),
        "tried": every,
    }


def test(order: int, weight: float, bonus: float) -> dict[str, Any]:
    """What is written for the test prompts."""
    return {"part": "test", "letters": helped(scores("test"), order, weight, bonus)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_beam")
    rows = {order: study.row(tune, order=order) for order in ORDERS}
    order = min(rows, key=lambda it: float(rows[it]["validation"]))
    study.row(test, order=order, weight=rows[order]["weight"], bonus=rows[order]["bonus"])
    study.save()
