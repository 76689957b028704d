"""The diffusion model that the chapter shows, trained for longer, and a GAN for the same time.

Both train for about 100 core seconds, at the rates that the first study chose. The pictures of the
diffusion model are measured for several numbers of steps, with and without new noise in each step,
and for several strengths of guidance. One thread, about 5 minutes.
"""

from functools import lru_cache

import torch
from image_generation_study import (
    CLASSES,
    NO_LABEL,
    SCORE,
    N,
    by_diffusion,
    by_gan,
    labels_for,
    measured,
    noise_of,
    train_diffusion,
    train_gan,
)
from torch import nn

from largemodels.book.studies import Study, load
from largemodels.objectives.diffusion import drawn

ROUNDS = {"diffusion": 1_330, "GAN": 1_820}  # about 100 core seconds each
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


def rival(rate: float, rounds: int, seed: int) -> dict:
    """A GAN for the same time; the better of its two sets of weights on validation is kept."""
    last, mean, spent = train_gan(rate, rounds, seed)
    rows = []
    for name, make in (("last", last), ("mean", mean)):
        make.half().float()
        rows.append({"which": name, "core_seconds": spent} | measured(by_gan(make)))
    best = min(range(2), key=lambda it: rows[it][SCORE])
    study.keep("generator", (last, mean)[best], last.config)
    return rows[best]


if __name__ == "__main__":
    torch.set_num_threads(1)
    assert N % CLASSES == 0
    first = load("06_applications/image_generation")
    final = first[first.seed < 100]
    of_gan = final["right class, mean"].notna()
    study = Study("06_applications/image_generation_longer")
    key = {
        "rate": float(final[~of_gan].rate.iloc[0]),
        "rounds": ROUNDS["diffusion"],
        "seed": 0,
    }
    study.row(kept, **key)
    for steps in (1, 2, 5, FEW):
        study.row(sampled, **key, steps=steps, scale=1.0, eta=0.0)
    for scale in (2.0, 3.0, 5.0):
        study.row(sampled, **key, steps=FEW, scale=scale, eta=0.0)
    for steps in (5, FEW):
        study.row(sampled, **key, steps=steps, scale=1.0, eta=1.0)
    study.row(rival, rate=float(final[of_gan].rate.iloc[0]), rounds=ROUNDS["GAN"], seed=0)
    study.save()
