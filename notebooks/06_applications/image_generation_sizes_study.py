"""Smaller U-Nets for half a minute: a learning rate for each, and guidance for the better one.

A smaller network takes more steps in the same time. Sizes, rates and the strength of guidance are
chosen with another seed, 10 steps and 500 validation pictures, as in the first study, the strength
by the sum of both judges' distances. The better size is then trained with three seeds and measured
with 20 steps, with and without guidance. One thread, about 6 minutes.
"""

from functools import cache
from unittest import mock

import image_generation_study
import torch
from image_generation_study import (
    FINAL,
    RATES,
    SCORE,
    STEPS,
    N,
    by_diffusion,
    measured,
    train_diffusion,
)
from torch import nn

from largemodels.book.studies import Study, best_inside
from largemodels.models.unet import UNetConfig

ROUNDS = {8: 802, 4: 1_100}  # by channels at the highest resolution, half a minute each
FIRST = {8: RATES[3:6], 4: RATES[4:6]}  # the rates tried first
SCALES = [0.75, 1.0, 1.25, 1.5, 2.0, 3.0]


@cache
def model_of(width: int, rate: float, seed: int) -> tuple[nn.Module, float]:
    """The first study's training with a smaller network, and core seconds."""
    config = UNetConfig(channels=(width, 2 * width, 4 * width), groups=min(8, width))
    with mock.patch.object(image_generation_study, "UNetConfig", lambda: config):
        return train_diffusion(rate, ROUNDS[width], seed)


def sized(width: int, rate: float, seed: int, n: int, steps: int, scale: float) -> dict:
    """One U-Net, drawn in one way."""
    model, spent = model_of(width, rate, seed)
    row = measured(by_diffusion(model, n, steps, scale))
    size = sum(it.numel() for it in model.parameters())
    return {"core_seconds": spent, "parameters": size} | row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/image_generation_sizes")

    @cache
    def tried(width: int, rate: float, scale: float = 1.0) -> dict:
        """A trial with another seed."""
        key = {"width": width, "rate": rate, "seed": 100, "scale": scale}
        return study.row(sized, **key, n=500, steps=10)

    rates = {
        width: best_inside(RATES, first, lambda it, width=width: tried(width, it)[SCORE])
        for width, first in FIRST.items()
    }
    width = min(rates, key=lambda it: tried(it, rates[it])[SCORE])

    def both(scale: float) -> float:
        """The sum of both judges' distances to validation pictures."""
        row = tried(width, rates[width], scale)
        return row[SCORE] + row["validation, layers"]

    best = best_inside(SCALES, SCALES, both)
    for seed in FINAL:
        for scale in (1.0, best):
            key = {"width": width, "rate": rates[width], "seed": seed, "scale": scale}
            study.row(sized, **key, n=N, steps=STEPS)
    study.save()
