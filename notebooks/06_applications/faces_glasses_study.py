"""Study of the chapter "Faces": is it the glasses, or any dark lines on the face?

    make study NAME=06_applications/faces_glasses

One thread, about three minutes. As on the page, glasses are drawn on aligned photographs of the
bare faces of seven people, on none, one or both of a pair. Here each person may have frames of his
own, drawn with one of three seeds, or the same ink lies elsewhere: over the mouth or on the
forehead.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data.faces import orl_faces
from largemodels.pretrained import faces

MIXED = [3, 6, 12, 16, 18, 19, 35]  # people seen with and without glasses
SOUGHT = 128  # pixels a side in which the detector looks
DRAWS = 2000  # of people, for intervals
PLACES = {"as glasses": 0, "over the mouth": 52, "on the forehead": -28}


@cache
def bare() -> tuple[Tensor, np.ndarray]:
    """Aligned photographs without glasses, ``(n, 3, 150, 150)``, and who is on them."""
    orl, reader = orl_faces(), faces.load_faces()
    its = [
        (p, 10 * p + k) for p in MIXED for k in range(10) if orl.glasses[10 * p + k] == 0
    ]
    pictures = [orl.pictures[at].float().expand(3, -1, -1) for _, at in its]
    found = [reader.read(it, side=SOUGHT)[0].aligned for it in pictures]
    return torch.stack(found), np.array([p for p, _ in its])


def frame(seed: int | None) -> tuple[Tensor, float]:
    """Where ink lies, ``(150, 150)``, and how dark it is; without a seed the frame of the page."""
    width, height, thick, bar, power, ink = 24.0, 21.0, 0.23, 2.0, 2.0, 25.0
    if seed is not None:
        low, high = [20, 14, 0.12, 1.0, 2.0, 0.0], [27, 23, 0.35, 3.5, 5.0, 90.0]
        drawn = np.random.default_rng(seed).uniform(low, high)
        width, height, thick, bar, power, ink = map(float, drawn)
    y, x = torch.meshgrid(torch.arange(150), torch.arange(150), indexing="ij")
    bars = ((x - 75).abs() < 6) | (x < 25) | (x > 125)
    lines = bars & ((y - 48).abs() < bar)
    for middle in (47, 103):
        out = ((x - middle).abs() / width) ** power + ((y - 50).abs() / height) ** power
        lines |= (out < 1) & (out > 1 - thick)
    return lines, ink


def drawn(how: str, seed: int) -> Tensor:
    """Descriptions ``(n, 128)`` of the photographs with ink."""
    its, people = bare()
    inked = []
    for picture, person in zip(its, people, strict=True):
        lines, ink = frame(1000 * seed + int(person) if how == "own frames" else None)
        lines = torch.roll(lines, PLACES.get(how, 0), dims=0)
        inked.append(torch.where(lines, ink, picture))
    return faces.describe(faces.load_faces().descriptor, torch.stack(inked))


def mean_distance(a: Tensor, b: Tensor, p: int, q: int) -> float:
    """Of the photographs of two people, never of a photograph and itself."""
    people = bare()[1]
    block = torch.cdist(a[people == p], b[people == q])
    return float(block[~torch.eye(*block.shape, dtype=bool) | (p != q)].mean())


def ink(how: str, seed: int) -> dict[str, Any]:
    """How far ink on one photograph moves one person's apart, and ink on both brings two people's
    together; intervals by people.
    """
    plain = faces.describe(faces.load_faces().descriptor, bare()[0])
    marked = drawn(how, seed)
    own, two = [], {}
    for p in MIXED:
        for q in MIXED:
            one = (
                mean_distance(marked, plain, p, q) + mean_distance(plain, marked, p, q)
            ) / 2
            if p == q:
                own.append(one - mean_distance(plain, plain, p, q))
            elif p < q:
                two[p, q] = one - mean_distance(marked, marked, p, q)
    half = 2.447 * np.std(own, ddof=1) / 7**0.5  # Student's t, six degrees of freedom
    rng, draws = np.random.default_rng(0), []
    for times in rng.multinomial(7, np.full(7, 1 / 7), size=DRAWS):
        count = dict(zip(MIXED, times, strict=True))
        weights = np.array([count[p] * count[q] for p, q in two])
        if weights.any():  # not one person seven times
            draws.append(np.average(list(two.values()), weights=weights))
    low, high = np.quantile(draws, (0.025, 0.975))
    return {
        "own": np.mean(own),
        "own, low": np.mean(own) - half,
        "own, high": np.mean(own) + half,
        "two": np.mean(list(two.values())),
        "two, low": low,
        "two, high": high,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/faces_glasses")
    for how in PLACES:
        study.row(ink, how=how, seed=0)
    for seed in range(3):
        study.row(ink, how="own frames", seed=seed)
    study.save()
