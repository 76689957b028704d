"""Half a minute of training with the smaller U-Net and with both dials set, three seeds each.

The smaller U-Net and the strength of its guidance are from the study of sizes; the GAN's dial is
the size of its noise. Both are chosen by the sum of both judges' distances to validation pictures,
the GAN's with seed 0. The generator is the running mean of the weights. One thread, 4 minutes.
"""

from functools import cache

import torch
from image_generation_sizes_study import ROUNDS as SMALL_ROUNDS
from image_generation_sizes_study import model_of
from image_generation_study import (
    LATENT,
    ROUNDS,
    N,
    by_diffusion,
    labels_for,
    measured,
    noise_of,
    told,
    train_gan,
)
from torch import Tensor, nn

from largemodels.book.studies import Study, best_inside, load

WIDTH = 8  # channels of the smaller U-Net at the highest resolution
NOISES = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
SEEDS = range(3)


@torch.no_grad()
def by_gan(make: nn.Module, n: int, size: float) -> Tensor:
    """Pictures `(n, 1, 28, 28)`, classes in turn, from noise of another size."""
    noise = told(size * noise_of(0, n, LATENT), labels_for(n))
    return torch.cat([make(it) for it in noise.split(500)])


def small(rate: float, dial: float, seed: int) -> dict:
    """The smaller U-Net."""
    model, spent = model_of(WIDTH, rate, seed)
    row = measured(by_diffusion(model, scale=dial))
    return {"who": "diffusion", "rounds": SMALL_ROUNDS[WIDTH], "core_seconds": spent} | row


@cache
def generator(rate: float, seed: int) -> tuple[nn.Module, float]:
    """A GAN's generator and core seconds."""
    _, mean, spent = train_gan(rate, ROUNDS["GAN"], seed)
    return mean, spent


def gan(rate: float, dial: float, seed: int, n: int) -> dict:
    """Pictures of a GAN, from noise of one size."""
    make, spent = generator(rate, seed)
    row = measured(by_gan(make, n, dial))
    return {"who": "GAN", "rounds": ROUNDS["GAN"], "core_seconds": spent} | row


def total(row: dict) -> float:
    """The sum of both judges' distances to validation pictures."""
    return float(row["validation, convolutions"] + row["validation, layers"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/image_generation_short")
    sizes = load("06_applications/image_generation_sizes")
    tried = sizes[sizes.width == WIDTH].to_dict("records")
    best = min(tried, key=total)
    for seed in SEEDS:
        study.row(small, rate=best["rate"], dial=best["scale"], seed=seed)
    first = load("06_applications/image_generation")
    rate = float(
        first[(first.seed < 100) & first["right class, mean"].notna()].rate.iloc[0]
    )

    def score(dial: float) -> float:
        """Of the first seed, with 500 pictures."""
        return total(study.row(gan, rate=rate, dial=dial, seed=0, n=500))

    dial = best_inside(NOISES, [0.9], score)
    for seed in SEEDS:
        study.row(gan, rate=rate, dial=dial, seed=seed, n=N)
    study.save()
