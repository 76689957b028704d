"""The diffusion model that the chapter shows: trained for longer, and drawn from in several ways.

It trains for as long as the GAN that part 2 keeps, at the rate that the first study chose; then its
pictures are measured for several numbers of steps, with and without new noise in each step, and for
several strengths of guidance. One thread, about 7 minutes.
"""

from functools import lru_cache

import torch
from image_generation_study import (
    CLASSES,
    NO_LABEL,
    N,
    by_diffusion,
    labels_for,
    measured,
    noise_of,
    train_diffusion,
)
from torch import nn

from largemodels.book.studies import Study, load
from largemodels.objectives.diffusion import drawn

ROUNDS = 2_350  # about 176 core seconds, those of part 2's longer run
FEW = 10  # steps with which strengths of guidance are compared


@lru_cache(1)
def model_of(rate: float, rounds: int, seed: int) -> tuple[nn.Module, float]:
    """The model as it is kept, and core seconds."""
    model, spent = train_diffusion(rate, rounds, seed)
    return model.half().float(), spent


def kept(rate: float, rounds: int, seed: int) -> dict[str, float]:
    """Train it, keep it, measure it."""
    model, spent = model_of(rate, rounds, seed)
    study.keep("unet", model)
    return {"core_seconds": spent} | measured(by_diffusion(model))


def sampled(
    rate: float, rounds: int, seed: int, steps: int, scale: float, eta: float
) -> dict:
    """Pictures drawn in another way."""
    model, _ = model_of(rate, rounds, seed)
    if not eta:
        return measured(by_diffusion(model, N, steps, scale))
    torch.manual_seed(0)
    pairs = zip(noise_of(0, N, 1, 28, 28).split(100), labels_for(N).split(100), strict=True)
    return measured(
        torch.cat(
            [drawn(model, *it, steps, NO_LABEL, scale=scale, eta=eta) for it in pairs]
        )
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    assert N % CLASSES == 0
    first = load("06_applications/image_generation")
    of_diffusion = first[(first.seed < 100) & first["right class, mean"].isna()]
    rate = float(of_diffusion.rate.iloc[0])
    study = Study("06_applications/image_generation_longer")
    key = {"rate": rate, "rounds": ROUNDS, "seed": 0}
    study.row(kept, **key)
    for steps in (1, 2, 5, 10, 50):
        study.row(sampled, **key, steps=steps, scale=1.0, eta=0.0)
    for scale in (1.5, 2.0, 3.0, 5.0):
        study.row(sampled, **key, steps=FEW, scale=scale, eta=0.0)
    for steps in (FEW, 50):
        study.row(sampled, **key, steps=steps, scale=1.0, eta=1.0)
    study.save()
