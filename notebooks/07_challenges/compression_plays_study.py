"""The contest's models on four whole plays: does it depend on the play which way is ahead?

    make study NAME=07_challenges/compression_plays

One thread, about eight minutes. Models in two schedules, and those that learn with what is left,
are made again at the settings that the other studies chose, and scored on every part of 10,000
letters of the test and of the validation plays. The settings were chosen on one part, ``CHOSEN``,
of each validation play; the other parts served no choice.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from compression_contest_study import GROUPS, LARGE, MIDDLE
from compression_retrained_study import learnt
from compression_schedules_study import LAST, twice
from compression_study import CONTEXT, rounded
from torch import nn

import largemodels as lm
from largemodels.book.studies import Study

LENGTH = 10_000  # letters in a part
CHOSEN = 1  # the part of each validation play on which settings were chosen
FURTHER = {LARGE: 0.00125, MIDDLE: 0.0025}  # rates of last steps of models that stay uncut
LEARNT = (  # width, way, bits, rate of the last steps, range of the grids
    (LARGE, "pruned", 4, 0.00125, 0.7),
    (LARGE, "low rank", 4, 0.0025, 0.7),
    (LARGE, "pruned", 2, 0.005, 0.7),
    (LARGE, "low rank", 2, 0.005, 0.7),
    (LARGE, "rounded", 2, 0.000625, 0.7),
    (MIDDLE, "rounded", 4, 0.0003125, 0.9),
    (MIDDLE, "rounded", 3, 0.000625, 0.9),
)


@cache
def parts() -> dict[str, list[torch.Tensor]]:
    """The parts of each play that no model has read, as tokens."""
    corpus = lm.shakespeare()
    texts = (corpus.text(it) for it in ("train", "validation", "test"))
    letters = lm.CharTokenizer("".join(texts))
    plays = corpus.test | corpus.validation
    return {
        name: list(letters.encode(play)[: len(play) // LENGTH * LENGTH].split(LENGTH))
        for name, play in plays.items()
    }


def scored(model: nn.Module, size: float) -> dict[str, Any]:
    """Bytes, and the loss on each part of each play."""
    losses = {
        name: [
            round(lm.evaluate(model, it, CONTEXT, overlap=CONTEXT // 2), 6) for it in its
        ]
        for name, its in parts().items()
    }
    return {"bytes": size, "losses": losses}


def unrounded(seed: int, width: int, further: float) -> dict[str, Any]:
    """A model in half precision."""
    model = twice(width, seed, further)
    return scored(model, 2 * model.n_parameters())


def after(seed: int, width: int, how: str, bits: int, further: float) -> dict[str, Any]:
    """A model rounded after its last steps; with 8 bits a row has one grid."""
    model = copy.deepcopy(twice(width, seed, further))
    size = rounded(model, bits, GROUPS[width] if bits < 8 else None, how)
    return scored(model, size)


def with_what_is_left(
    seed: int, width: int, way: str, bits: int, further: float, shrink: float
) -> dict[str, Any]:
    """A model that learns its last steps rounded, pruned or of low rank."""
    return scored(*learnt(seed, width, way, bits, further, shrink, LAST))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_plays")
    for seed in range(3):
        for width, further in FURTHER.items():
            study.row(unrounded, seed=seed, width=width, further=further)
            for bits in (8, 6, 4, 3, 2):
                key = dict(seed=seed, width=width, how="GPTQ", bits=bits, further=further)
                study.row(after, **key)
        for width, way, bits, further, shrink in LEARNT:
            key = dict(width=width, way=way, bits=bits, further=further, shrink=shrink)
            study.row(with_what_is_left, seed=seed, **key)
    study.save()
