"""The contest's models uncut in two schedules, as long as those that are cut and learn on.

    make study NAME=07_challenges/compression_schedules

One thread, about five minutes. A model learns for 2,000 steps and, in a schedule of its own, for
500 more, like the models of the study of ways that learn with what is left; here nothing is cut
between. It is rounded afterwards with GPTQ. The middle model also learns its last steps rounded to
4 bits. Last rates and the range of the grids are chosen on the validation plays.
"""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import Any

import torch
from compression_contest_study import GROUPS, LARGE, MIDDLE, STEPS, measured, trained
from compression_retrained_study import LADDER, RATE, learnt
from compression_study import TRIED, nats, rounded, taught

import largemodels as lm
from largemodels.book.studies import Study, best_inside

LAST = 500  # steps in the second schedule
LOWER = (0.000078125, 0.00015625, *LADDER)  # rates of last steps with rounding to 4 bits


@cache
def twice(width: int, seed: int, further: float) -> lm.GPT:
    """A model that has learnt in two schedules."""
    model = copy.deepcopy(trained(width, seed, RATE, STEPS - LAST))
    taught(model, LAST, further, 1_000 + seed)
    return model


def trial(width: int, further: float) -> dict[str, float]:
    """One rate for the last steps."""
    return {"validation": nats(twice(width, TRIED, further), "validation")}


def unrounded(seed: int, width: int, further: float) -> dict[str, Any]:
    """A model in half precision."""
    model = twice(width, seed, further)
    return measured(model, 2 * model.n_parameters())


def after(seed: int, width: int, how: str, bits: int, further: float) -> dict[str, Any]:
    """A model rounded after its last steps; with 8 bits a row has one grid."""
    model = copy.deepcopy(twice(width, seed, further))
    size = rounded(model, bits, GROUPS[width] if bits < 8 else None, how)
    return measured(model, size)


def aware_trial(width: int, bits: int, further: float, shrink: float) -> dict[str, float]:
    """One setting of last steps with rounding."""
    model, _ = learnt(TRIED, width, "rounded", bits, further, shrink, LAST)
    return {"validation": nats(model, "validation")}


def aware(
    seed: int, width: int, bits: int, further: float, shrink: float
) -> dict[str, Any]:
    """A model that learns its last steps rounded, at the chosen setting."""
    return measured(*learnt(seed, width, "rounded", bits, further, shrink, LAST))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_schedules")

    def valid(further: float, width: int) -> float:
        """The loss by which a rate is chosen."""
        return study.row(trial, width=width, further=further)["validation"]

    def aware_valid(further: float, shrink: float) -> float:
        """The loss by which a setting is chosen."""
        key = dict(width=MIDDLE, bits=4, further=further, shrink=shrink)
        return study.row(aware_trial, **key)["validation"]

    for width in (LARGE, MIDDLE):
        further = best_inside(LADDER, (0.00125,), partial(valid, width=width))
        for seed in range(3):
            study.row(unrounded, seed=seed, width=width, further=further)
            for bits in (8, 6, 4, 3, 2):
                key = dict(seed=seed, width=width, how="GPTQ", bits=bits, further=further)
                study.row(after, **key)
    further = best_inside(LOWER, (0.000625,), partial(aware_valid, shrink=0.9))
    losses = {it: aware_valid(further, it) for it in (0.7, 0.8, 0.9, 1.0)}
    best = min(losses, key=losses.__getitem__)
    for seed in range(3):
        key = dict(width=MIDDLE, bits=4, further=further, shrink=best)
        study.row(aware, seed=seed, **key)
    study.save()
