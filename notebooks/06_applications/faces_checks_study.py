"""Checks of the chapter "Faces": a rival from ImageNet, other deals of folds, the detector's input.

    make study NAME=06_applications/faces_checks

One thread, about three minutes.
"""

from __future__ import annotations

from typing import Any

import faces_study as base
import numpy as np
import torch
import torch.nn.functional as F

import largemodels as lm
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

CROPS = (0.4, 0.6, 0.8, 1.0)
SIZES = (*base.SIZES, 479)  # the last: all that the photographs of an inner fold give
SIDE = 160  # pixels of the aligned face that the network sees
BLOCK = 10  # after which features are read in 5 × 5 cells
DEALS = 8
FIXED = {"crop": 0.4, "size": 240, "share": 0.1}  # of the pixels, for all deals


@torch.no_grad()
def deep(cut: torch.Tensor) -> dict[str, np.ndarray]:
    """Features of EfficientNet-Lite0: averaged at the end, and of an inner block in cells."""
    net, last, inner = load_efficientnet_lite0(), [], []
    for part in cut.split(25):
        x = F.relu6(net.stem(lite0_pixels(part / 255)))
        for number, block in enumerate(net.blocks):
            x = block(x)
            if number == BLOCK:
                inner.append(F.adaptive_avg_pool2d(x, 5).flatten(1))
        last.append(F.relu6(net.last(x)).mean(dim=(2, 3)))
    return {
        "end": torch.cat(last).double().numpy(),
        "block": torch.cat(inner).double().numpy(),
    }


def imagenet() -> dict[str, Any]:
    """Discriminants of both kinds of features, tuned as the rivals are."""
    given: dict[str, dict] = {"end": {}, "block": {}}
    for crop in CROPS:
        cut = base.crops(base.people()[0], base.places(), crop, SIDE)
        plain, mirrored = deep(cut), deep(cut.flip(3))
        for kind in given:
            given[kind][crop] = plain[kind], mirrored[kind]
    row: dict[str, Any] = {}
    for kind, its in given.items():
        choices = [base.tuned(fold, its, SIZES) for fold in range(base.FOLDS)]
        found = base.compared(its, choices, SIZES)
        same = base.pairs(np.zeros((80, 80)), np.arange(80) // 10)[1]
        millionths = torch.tensor(np.stack(found.pop("distances")) * 1e6).round().int()
        study.keep(kind, {"distances": millionths}, {"by": "fold"})
        its = millionths.double().numpy()
        found |= {
            "equal": float(np.mean([base.equal_errors(it, same)[0] for it in its])),
            "pooled": base.equal_errors(its.ravel(), np.tile(same, base.FOLDS))[0],
        }
        row |= {f"{kind}, {name}": value for name, value in found.items()}
    return row


def deal(seed: int) -> dict[str, Any]:
    """Descriptor and pixels, these with one setting, with the people dealt into other folds."""
    pictures, person = base.people()
    fold = np.empty(40, int)
    fold[np.random.default_rng(seed).permutation(40)] = np.arange(40) % base.FOLDS
    z = base.described(pictures, "aligned")
    given = base.features("pixels", pictures, base.places(), FIXED["crop"])
    rates: dict[str, list] = {"descriptor": [], "pixels": []}
    for number in range(base.FOLDS):
        test = fold[person] == number
        y = base.learnt(given, FIXED, ~test)((given[0][test], given[1][test]))
        apart = {
            "descriptor": torch.cdist(z[test], z[test]).numpy(),
            "pixels": base.angles(y, y),
        }
        for name, distance in apart.items():
            rates[name].append(base.equal_errors(*base.pairs(distance, person[test]))[0])
    return {name: float(np.mean(its)) for name, its in rates.items()}


def seen(side: int) -> dict[str, Any]:
    """How many of the 400 photographs have a face for the detector at this input."""
    return {"found": sum(it is not None for it in base.boxes(base.people()[0], 0.5, side))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/faces_checks")
    for side in (64, 96, 128, 160, 192):
        study.row(seen, side=side)
    for seed in range(DEALS):
        study.row(deal, seed=seed)
    study.row(imagenet)
    study.save()
