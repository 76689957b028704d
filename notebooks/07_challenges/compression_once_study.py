"""The contest's models that have learnt in one schedule, on four whole plays.

    make study NAME=07_challenges/compression_once

One thread, about five minutes. The models of the contest's study are made again at the rate that it
chose, and scored like those of the study of plays.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from compression_contest_study import GROUPS, LARGE, MIDDLE, trained
from compression_plays_study import scored
from compression_retrained_study import RATE
from compression_study import rounded

from largemodels.book.studies import Study

SOME = {
    LARGE: (("nearest", 4), ("GPTQ", 4), ("nearest", 3), ("GPTQ", 3), ("nearest", 2), ("GPTQ", 2)),
    MIDDLE: (("GPTQ", 8), ("GPTQ", 6), ("GPTQ", 4)),
}  # fmt: skip


def unrounded(seed: int, width: int) -> dict[str, Any]:
    """A model in half precision."""
    model = trained(width, seed, RATE)
    return scored(model, 2 * model.n_parameters())


def after(seed: int, width: int, how: str, bits: int) -> dict[str, Any]:
    """A model rounded after training; with 8 bits a row has one grid."""
    model = copy.deepcopy(trained(width, seed, RATE))
    size = rounded(model, bits, GROUPS[width] if bits < 8 else None, how)
    return scored(model, size)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_once")
    for seed in range(3):
        for width, some in SOME.items():
            study.row(unrounded, seed=seed, width=width)
            for how, bits in some:
                study.row(after, seed=seed, width=width, how=how, bits=bits)
    study.save()
