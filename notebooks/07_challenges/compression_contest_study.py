"""The contest: a GPT rounded to fewer bits, against a narrower one that has learnt as long.

    make study NAME=07_challenges/compression_contest

One thread, about six minutes. Both models learn for 2,500 steps in one schedule, at rates chosen on
the validation plays with a seed that is not reported. The narrower one has with 8, 6 and 4 bits
about the bytes of the large one with 4, 3 and 2.
"""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import Any

import torch
from compression_study import CONTEXT, RATES, TRIED, fresh, nats, rounded, taught
from torch import nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside

LARGE, MIDDLE = 48, 36  # widths
GROUPS = {
    LARGE: 24,
    MIDDLE: 36,
}  # numbers that share a grid; each row is a whole number of groups
STEPS = 2_500


@cache
def plays() -> list[torch.Tensor]:
    """The same part of each test play, as tokens."""
    corpus = lm.shakespeare()
    parts = (corpus.text(part) for part in ("train", "validation", "test"))
    letters = lm.CharTokenizer("".join(parts))
    return [letters.encode(play[10_000:20_000]) for play in corpus.test.values()]


def measured(model: nn.Module, size: float) -> dict[str, Any]:
    """Bytes, multiplications a letter in all matrices; loss of each play, and their mean."""
    found = [lm.evaluate(model, play, CONTEXT, overlap=CONTEXT // 2) for play in plays()]
    many = sum(it.weight.numel() for it in model.modules() if isinstance(it, nn.Linear))
    return {
        "bytes": size,
        "multiplications": many,
        "by_play": found,
        "test": sum(found) / len(found),
    }


@cache
def trained(width: int, seed: int, rate: float, steps: int = STEPS) -> lm.GPT:
    """A model that has learnt in one schedule."""
    torch.manual_seed(seed)
    model = fresh(width)
    taught(model, steps, rate, seed)
    return model


def trial(width: int, rate: float) -> dict[str, float]:
    """One learning rate."""
    return {"validation": nats(trained(width, TRIED, rate), "validation")}


def unrounded(seed: int, width: int, rate: float) -> dict[str, Any]:
    """A model in half precision, as it has learnt."""
    model = trained(width, seed, rate)
    if seed == 0 and width == LARGE:
        study.keep("large", model, model.config)
    return measured(model, 2 * model.n_parameters())


def after(seed: int, width: int, how: str, bits: int, rate: float) -> dict[str, Any]:
    """A model rounded after training; with 8 bits a row has one grid."""
    model = copy.deepcopy(trained(width, seed, rate))
    size = rounded(model, bits, GROUPS[width] if bits < 8 else None, how)
    return measured(model, size)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_contest")

    def valid(rate: float, width: int) -> float:
        """The loss by which a rate is chosen."""
        return study.row(trial, width=width, rate=rate)["validation"]

    for width, some in ((LARGE, (8, 4, 3, 2)), (MIDDLE, (8, 6, 4, 3))):
        rate = best_inside(RATES, (0.01,), partial(valid, width=width))
        for seed in range(3):
            study.row(unrounded, seed=seed, width=width, rate=rate)
            for bits in some:
                for how in ("nearest", "GPTQ"):
                    key = dict(seed=seed, width=width, how=how, bits=bits, rate=rate)
                    study.row(after, **key)
    study.save()
