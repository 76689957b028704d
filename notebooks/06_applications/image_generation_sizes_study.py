"""Smaller U-Nets for half a minute, and guidance for the better one.

A smaller network takes more steps in the same time. Both are trials as in the first study, at the
rate that it chose: one seed, 10 steps, 500 pictures. The better one is also drawn with guidance.
One thread, about 80 seconds.
"""

from functools import cache
from unittest import mock

import image_generation_study
import torch
from image_generation_study import RATES, SCORE, by_diffusion, measured, train_diffusion
from torch import nn

from largemodels.book.studies import Study
from largemodels.models.unet import UNetConfig

ROUNDS = {8: 802, 4: 1_100}  # by channels at the highest resolution, half a minute each


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
    trial = {"seed": 100, "n": 500, "steps": 10}
    rows = [
        study.row(sized, width=width, rate=RATES[4], **trial, scale=1.0) for width in ROUNDS
    ]
    best = min(rows, key=lambda row: row[SCORE])["width"]
    for scale in (1.25, 1.5, 2.0, 3.0):
        study.row(sized, width=best, rate=RATES[4], **trial, scale=scale)
    study.save()
