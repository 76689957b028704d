"""Fifth study of "Interpretability": maps that are asked about the very change of the test.

    make study NAME=07_challenges/interpretability_same

One thread, about a minute, after the first study, whose networks it loads. Occlusion and integrated
gradients explain against black, while deletion and insertion put in something else. Here both are
given the filling of the test, and the edges of the difference between picture and filling are their
rival. The same test follows on the pictures with a planted cause, and the rank correlation of maps
of trained and of random networks, among all squares and among those that are not black.
"""

from __future__ import annotations

from typing import Any

import interpretability_study as first
import numpy as np
import torch
from scipy.stats import rankdata
from skimage.filters import gaussian, sobel
from torch import Tensor, nn

import largemodels as lm
from largemodels.objectives import attribution

N, N_MARKED, SIDE = 150, 300, 4


def kept(seed: int) -> nn.Sequential:
    """A network of the first study."""
    model = first.network(first.WIDTHS["full"])
    model.load_state_dict(
        lm.studies.weights("07_challenges/interpretability", f"net{seed}").state
    )
    return model.float().eval()


def fillings(x: Tensor) -> dict[str, Tensor]:
    """The picture, blurred, and another picture."""
    blurred = torch.stack([torch.from_numpy(gaussian(it.numpy(), 4)) for it in x[:, 0]])
    other = first.pictures()["validation"][0][: len(x)]
    return {"blur": blurred[:, None].float(), "another picture": other}


@torch.no_grad()
def occluded(model: nn.Sequential, x: Tensor, target: Tensor, fill: Tensor) -> Tensor:
    """Occlusion of squares by a picture instead of black, ``(n, 28, 28)``."""
    found, whole = torch.zeros_like(x), model(x).gather(1, target[:, None])
    for top in range(0, 28, SIDE):
        for left in range(0, 28, SIDE):
            window = (..., slice(top, top + SIDE), slice(left, left + SIDE))
            hidden = x.clone()
            hidden[window] = fill[window]
            fall = whole - model(hidden).gather(1, target[:, None])
            found[window] = fall[:, :, None, None]
    return found[:, 0]


def asked(
    model: nn.Sequential, x: Tensor, target: Tensor, fill: Tensor
) -> dict[str, Tensor]:
    """Maps that know what the test puts in."""
    path = attribution.integrated_gradients(model, x, target, baseline=fill, steps=12)
    less = (x - fill)[:, 0]
    return {
        "occlusion, same filling": occluded(model, x, target, fill),
        "integrated gradients, same filling": path[:, 0].detach(),
        "difference": less.abs(),
        "edges of the difference": torch.stack(
            [torch.from_numpy(sobel(it.numpy())) for it in less]
        ),
    }


def score(model: nn.Sequential, x: Tensor, its: Tensor, to: Tensor, fill: Tensor) -> Tensor:
    """Mean probability by insertion less that by deletion, of each picture."""
    found = first.tests(model, x, its, to, {"": fill})
    return found["insertion, "] - found["deletion, "]


def tested(seed: int) -> dict[str, Any]:
    """One row: deletion and insertion on pictures without a cross."""
    model, x = kept(seed), first.pictures()["test"][0][:N]
    with torch.no_grad():
        target = model(x).argmax(1)
    row = {}
    plain = first.maps(model, x, target) | first.rivals(x)
    for name, fill in fillings(x).items():
        for it, scores in (plain | asked(model, x, target, fill)).items():
            row[f"{name}: {it}"] = first.packed(score(model, x, scores, target, fill))
    return row


def marked(seed: int) -> dict[str, Any]:
    """One row: the same on pictures in which the cross is the cause."""
    model, x = kept(seed), first.cases(N_MARKED)[1]
    caused = first.found(model, seed, N_MARKED)[0]
    target = torch.full((len(x),), first.SHIRT)
    row: dict[str, Any] = {"caused": first.packed(caused)}
    every = first.everything(model, x, target, seed)
    for name, fill in fillings(x).items():
        for it, scores in every.items():
            row[f"{name}: {it}"] = first.packed(score(model, x, scores, target, fill))
    return row


def alike(seed: int) -> dict[str, Any]:
    """One row: rank correlation with maps of random weights, and with the picture itself."""
    model, x = kept(seed), first.pictures()["test"][0][: first.N_CASCADE]
    with torch.no_grad():
        target = model(x).argmax(1)
    before, after = (
        first.maps(it, x, target) for it in (model, first.randomised(model, 4, seed))
    )
    bright = first.squares(x[:, 0], 2).numpy()
    row: dict[str, Any] = {"black": float((bright == 0).mean())}
    for name in first.MAPS:
        one, two = (first.squares(it[name], 2).abs().numpy() for it in (before, after))
        for case, other, among in (
            ("all squares", two, np.ones_like(bright) > 0),
            ("not black", two, bright > 0),
            ("the picture, not black", bright, bright > 0),
        ):
            both = [
                (rankdata(a[i]), rankdata(b[i]))
                for a, b, i in zip(one, other, among, strict=True)
            ]  # fmt: skip
            found = [np.corrcoef(*it)[0, 1] for it in both if min(it[0].std(), it[1].std())]
            row[f"{name}: {case}"] = float(np.mean(found))
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_same")
    for seed in range(3):
        study.row(tested, seed=seed)
        study.row(marked, seed=seed)
        study.row(alike, seed=seed)
    study.save()
