"""Study of the chapter "Detection": how much around a thing should a window see?

    make study NAME=06_applications/detection_rival

One thread, about a minute. In the first study windows that also see one cell around a thing did
better than windows that see none. Here the margin goes on along its ladder, with 1,000 training
scenes of the first draw, by the precision on its validation scenes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from detection_study import (
    CLASSES,
    calibrate,
    drawn,
    machine,
    precision,
    some,
    windows,
)

import largemodels as lm
from largemodels.models.hog import HogConfig, HogDetector

PENALTY = 1e-3  # chosen in the first study
FEW = 1_000
MARGINS = [0, 1, 2, 3, 4, 5]


def learnt(draw: int, margin: int, n: int) -> HogDetector:
    """Sliding windows, trained as in the first study."""
    shapes = tuple((a + 2 * margin, b + 2 * margin) for a, b in HogConfig().windows)
    config = HogConfig(len(CLASSES), windows=shapes, margin=margin)
    model, its = HogDetector(config), some(drawn("train", draw), torch.arange(n))
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for mine in (False, True):
        new = windows(model, its, np.random.default_rng(draw), mine)
        if mine:
            new = [
                (torch.cat([a, x[kinds < 0]]), torch.cat([b, kinds[kinds < 0]]))
                for (a, b), (x, kinds) in zip(kept, new, strict=True)
            ]
        kept = new
        for shape, (x, kinds) in enumerate(kept):
            weight, bias = machine(x, kinds, PENALTY)
            linear = model.linear[shape]
            linear.weight.data, linear.bias.data = weight.view_as(linear.weight), bias
            calibrate(model, shape, x @ weight.T + bias, kinds)
    return model.eval()


def tune(margin: int) -> dict[str, Any]:
    """Validation precision, at three limits of suppression."""
    model, its = learnt(0, margin, FEW), drawn("validation", 0)
    return {
        f"validation at {most}": precision(model, its, most) for most in (0.3, 0.4, 0.5)
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_rival")

    def trial(margin: float) -> float:
        """Minus the highest validation precision."""
        row = study.row(tune, margin=int(margin))
        return -max(row[f"validation at {most}"] for most in (0.3, 0.4, 0.5))

    lm.studies.best_inside(MARGINS, [2], trial)
    study.save()
