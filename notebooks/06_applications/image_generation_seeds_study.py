"""The longer runs again, with two other seeds each. One thread, about 7 minutes."""

import torch
from image_generation_longer_study import ROUNDS
from image_generation_study import (
    by_diffusion,
    by_gan,
    measured,
    train_diffusion,
    train_gan,
)

from largemodels.book.studies import Study, load


def diffusion(rate: float, rounds: int, seed: int) -> dict:
    """A U-Net."""
    model, spent = train_diffusion(rate, rounds, seed)
    return {"who": "diffusion", "core_seconds": spent} | measured(by_diffusion(model))


def gan(rate: float, rounds: int, seed: int) -> dict:
    """A GAN, with the running mean of its weights, which the longer study took."""
    _, mean, spent = train_gan(rate, rounds, seed)
    return {"who": "GAN", "core_seconds": spent} | measured(by_gan(mean))


if __name__ == "__main__":
    torch.set_num_threads(1)
    longer = load("06_applications/image_generation_longer")
    assert longer.which.dropna().tolist() == ["mean"]
    rates = longer.groupby("rounds").rate.first()
    study = Study("06_applications/image_generation_seeds")
    for seed in (1, 2):
        for name, compute in (("GAN", gan), ("diffusion", diffusion)):
            n = ROUNDS[name]
            study.row(compute, rate=float(rates[n]), rounds=n, seed=seed)
    study.save()
