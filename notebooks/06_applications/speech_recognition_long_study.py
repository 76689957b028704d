"""Study of the chapter "Speech recognition": the recogniser that was chosen, trained longer, with
a model of letters.

    make study NAME=06_applications/speech_recognition_long

One thread, about 7 minutes: 24 passes over the training prompts. The model of letters for the
beam and its weight are chosen on the validation prompts. The recogniser is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jiwer
import torch
from speech_recognition_study import (
    EPOCH,
    STUDY,
    beam,
    chosen,
    heard,
    letters,
    parts,
    trained,
)
from torch import Tensor

import largemodels as lm
from largemodels.objectives import ctc

STEPS = 24 * EPOCH
ORDERS, WEIGHTS, BONUSES = (3, 5, 7), (0.2, 0.4, 0.7, 1.0), (0.0, 0.5, 1.0)
N_BEAM = 8


@functools.cache
def quick(order: int) -> Callable[[tuple[int, ...]], Tensor]:
    """The model of letters, which remembers what it was asked."""
    slow = letters(order)
    known = functools.cache(slow)
    return lambda before: known(before[-(order - 1) :])


def helped(
    scores: list[Tensor], order: int, weight: float, bonus: float, n_beam: int = N_BEAM
) -> list[str]:
    """Texts found by beam search with a model of letters."""
    found = (ctc.beam_search(it, n_beam, quick(order), weight, bonus) for it in scores)
    return [ctc.decode(it) for it in found]


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
            jiwer.wer(words, helped(scores["validation"], order, weight, bonus, 4))
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
        "letters": helped(scores["test"], order, weight, bonus),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_long")
    study.row(test, seed=0, steps=STEPS, **chosen())
    study.save()
