"""Is the large model worth more than a smaller one when both have learnt longer?

    make study NAME=07_challenges/compression_longer

One thread, about three minutes. The large and the middle model of the first study, at the rates
that were chosen there, after two and a half times as many steps, and rounded.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from compression_study import GROUP, LARGE, MEDIUM, fresh, nats, rounded, taught

import largemodels as lm
from largemodels.book.studies import Study

STEPS = 2_500
RATE = 0.02


@functools.cache
def model(width: int, seed: int) -> lm.GPT:
    """A model that has learnt in one run."""
    torch.manual_seed(seed)
    it = fresh(width)
    taught(it, STEPS, RATE, seed)
    return it


def longer(width: int, seed: int, bits: int, how: str) -> dict[str, Any]:
    """Bytes, and loss on the test plays, after rounding; 16 bits: as it is."""
    it = copy.deepcopy(model(width, seed))
    if bits == 16:
        return {"bytes": 2 * it.n_parameters(), "test": nats(it, "test")}
    size = rounded(it, bits, GROUP if bits < 8 else None, how)
    return {"bytes": size, "test": nats(it, "test")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_longer")
    for seed in range(3):
        for width in (LARGE, MEDIUM):
            for bits, how in ((16, "nearest"), (8, "nearest"), (4, "GPTQ"), (2, "GPTQ")):
                study.row(longer, width=width, seed=seed, bits=bits, how=how)
    study.save()
