"""A hundred seconds: learning rates and dials of both models tuned together at this length.

The diffusion model's dial is the strength of its guidance, the GAN's the size of its noise. Each
gets learning rates until a worse one lies on either side of the best, and for each rate the best
dial, by the sum of both judges' distances to validation pictures, with seed 0, 500 pictures and ten
steps. Then it is tested with three seeds, the diffusion model with one: measured as the chapter
reports, its validation sum is above that of the kept U-Net with the strength that the study of
guidance chose, which also has three trainings there. The generator is the running mean of the
weights. One thread, about 16 minutes.
"""

from functools import cache

import torch
from image_generation_longer_study import FEW, ROUNDS
from image_generation_short_study import NOISES, SEEDS, by_gan, total
from image_generation_study import (
    RATES,
    N,
    by_diffusion,
    measured,
    train_diffusion,
    train_gan,
)
from torch import nn

from largemodels.book.studies import Study, best_inside, load, weights
from largemodels.models.dcgan import DCGANConfig, Generator
from largemodels.models.unet import UNet, UNetConfig

LONGER = "06_applications/image_generation_longer"
DIALS = {"GAN": NOISES, "diffusion": [0.75, 1.0, 1.25, 1.5, 2.0, 3.0]}
FIRST = {"GAN": (RATES[3], 0.9), "diffusion": (RATES[4], 1.25)}


def before(who: str) -> tuple[float, nn.Module, float]:
    """Rate, model and core seconds of the longer study's run, whose weights are kept."""
    rows = load(LONGER)
    rows = rows[rows.core_seconds.notna() & (rows.rounds == ROUNDS[who])]
    kept = weights(LONGER, "unet" if who == "diffusion" else "generator")
    model: nn.Module = (
        UNet(UNetConfig(**kept.config))
        if who == "diffusion"
        else Generator(DCGANConfig(**kept.config))
    )
    model.load_state_dict(kept.state)
    return float(rows.rate.iloc[0]), model.eval(), float(rows.core_seconds.iloc[0])


@cache
def trained(who: str, rate: float, rounds: int, seed: int) -> tuple[nn.Module, float]:
    """A model as it would be kept, and core seconds."""
    if seed == 0 and rate == before(who)[0]:
        return before(who)[1:]
    if who == "GAN":
        _, model, spent = train_gan(rate, rounds, seed)
    else:
        model, spent = train_diffusion(rate, rounds, seed)
    return model.half().float(), spent


def trial(who: str, rate: float, rounds: int, dial: float) -> dict:
    """500 pictures of a model trained with seed 0, of the diffusion model with ten steps."""
    model, spent = trained(who, rate, rounds, 0)
    draw = by_gan(model, 500, dial) if who == "GAN" else by_diffusion(model, 500, FEW, dial)
    return {"core_seconds": spent} | measured(draw)


def tested(who: str, rate: float, rounds: int, dial: float, seed: int) -> dict:
    """As many pictures as in the other studies."""
    model, spent = trained(who, rate, rounds, seed)
    if who == "GAN" and seed == 0:
        study.keep("generator", model, before(who)[1].config)
    draw = by_gan(model, N, dial) if who == "GAN" else by_diffusion(model, scale=dial)
    return {"core_seconds": spent} | measured(draw)


def best_dial(who: str, rate: float, rounds: int) -> tuple[float, float]:
    """The lowest sum of both judges' distances to validation pictures, and its dial."""

    def score(dial: float) -> float:
        sums[dial] = total(study.row(trial, who=who, rate=rate, rounds=rounds, dial=dial))
        return sums[dial]

    sums: dict[float, float] = {}
    best = best_inside(DIALS[who], [FIRST[who][1]], score)
    return sums[best], best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/image_generation_fair")
    for who, (first, _) in FIRST.items():
        n = ROUNDS[who]
        dials: dict[float, float] = {}

        def at(rate: float, who=who, n=n, dials=dials) -> float:
            """The score of a rate with its best dial."""
            found, dials[rate] = best_dial(who, rate, n)
            return found

        rate = best_inside(RATES, [first], at)
        for seed in SEEDS if who == "GAN" else SEEDS[:1]:
            study.row(tested, who=who, rate=rate, rounds=n, dial=dials[rate], seed=seed)
    study.save()
