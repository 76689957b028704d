"""Study of the chapter "Detection": the rival once more, with wider windows.

    make study NAME=06_applications/detection_rival

One thread, about 3 minutes. In the first study windows that also see one cell around a thing did
better than windows that see none. So here the margin goes on along its ladder, with 1,000 training
scenes, and the best one is tested on the three draws with all scenes and kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from detection_study import (
    CLASSES,
    DRAWS,
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
    """Validation precision, at two limits of suppression."""
    model, its = learnt(0, margin, FEW), drawn("validation", 0)
    return {
        f"validation at {most}": precision(model, its, most) for most in (0.3, 0.4, 0.5)
    }


def test(draw: int, margin: int, most: float) -> dict[str, Any]:
    """Train on all scenes of a draw, test on it, and keep the detector."""
    model = learnt(draw, margin, len(drawn("train", draw)[0]))
    study.keep(f"hog{draw}", model)
    return {
        "test": precision(model, drawn("test", draw), most),
        "trained on": precision(model, some(drawn("train", draw), torch.arange(300)), most),
        "parameters": model.n_parameters(),
    }


def best(row: dict[str, Any]) -> tuple[float, float]:
    """The highest validation precision of a row, and the limit that gives it."""
    return max((row[f"validation at {most}"], most) for most in (0.3, 0.4, 0.5))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_rival")
    tried = {}

    def trial(margin: float) -> float:
        """Minus what is to be large."""
        tried[margin] = best(study.row(tune, margin=int(margin)))
        return -tried[margin][0]

    margin = int(lm.studies.best_inside(MARGINS, [2], trial))
    for draw in DRAWS:
        study.row(test, draw=draw, margin=margin, most=tried[margin][1])
    study.save()
