"""Guidance in finer steps, and the chosen strength with three trainings of a hundred seconds.

The strength is chosen with the kept U-Net and 20 steps, by the sum of both judges' distances to
validation pictures, and then used for two more trainings, those of the study of seeds. One thread,
about 7 minutes.
"""

import torch
from image_generation_longer_study import ROUNDS
from image_generation_study import STEPS, N, by_diffusion, measured, train_diffusion

from largemodels.book.studies import Study, best_inside, load, weights
from largemodels.models.unet import UNet, UNetConfig

SCALES = [0.75, 1.0, 1.25, 1.5, 2.0, 3.0]


def strength(scale: float) -> dict:
    """The kept U-Net, trained with seed 0."""
    kept = weights("06_applications/image_generation_longer", "unet")
    model = UNet(UNetConfig(**kept.config)).eval()
    model.load_state_dict(kept.state)
    return {"seed": 0} | measured(by_diffusion(model, N, STEPS, scale))


def again(rate: float, rounds: int, seed: int, scale: float) -> dict:
    """Another U-Net, trained as long."""
    model, spent = train_diffusion(rate, rounds, seed)
    return {"core_seconds": spent} | measured(by_diffusion(model, N, STEPS, scale))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/image_generation_guided")

    def score(scale: float) -> float:
        """The sum of both judges' distances to validation pictures."""
        row = study.row(strength, scale=scale)
        return row["validation, convolutions"] + row["validation, layers"]

    best = best_inside(SCALES, SCALES, score)
    longer = load("06_applications/image_generation_longer")
    rate = float(longer[longer.rounds == ROUNDS["diffusion"]].rate.iloc[0])
    for seed in (1, 2):
        study.row(again, rate=rate, rounds=ROUNDS["diffusion"], seed=seed, scale=best)
    study.save()
