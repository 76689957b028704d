"""Study of the chapter on generalisation: the simple rival at its best, and networks that align.

    make study NAME=07_challenges/generalisation_rival

One thread, about 2 minutes. Grey values and networks have the same choices for each shift: pictures
as they are or with their ink moved and stretched to the frame, blurred or not, vectors scaled to
length one or not. All are made on validation scripts, for another typeface on those with two. Three
networks are trained once on pictures as they are and once on stretched ones, three seeds each. Two
learn from the twelve scripts with several fonts only.
"""

from __future__ import annotations

import functools
from typing import Any

import generalisation_study as sibling
import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.letters import plain

FRAMES, BLURS = ("as it is", "longer side", "stretched"), (0, 1, 2, 3)


def filled(pictures: Tensor, frame: str) -> Tensor:
    """Ink centred, with its longer side or both sides almost as long as the frame's."""
    if frame == "as it is":
        return pictures
    ink, places = pictures[:, 0] > 0.15, (torch.arange(14) + 0.5) / 7 - 1
    middle, half = torch.zeros(2, 2, len(pictures))
    for k in range(2):  # columns, rows
        there = ink.any(k + 1)
        low = torch.where(there, places, 1.0).amin(1)
        high = torch.where(there, places, -1.0).amax(1)
        middle[k], half[k] = (low + high) / 2, ((high - low) / 2 + 1 / 14).clamp(min=0.3)
    if frame == "longer side":
        half = half.amax(0).expand(2, -1)
    theta = torch.zeros(len(pictures), 2, 3)
    theta[:, :, 2], theta[:, [0, 1], [0, 1]] = middle.T, 1.1 * half.T
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)


def blurred(pictures: Tensor, blur: int) -> Tensor:
    """Averaged over so many pixels to each side, twice."""
    for _ in range(2 * (blur > 0)):
        pictures = F.avg_pool2d(pictures, 2 * blur + 1, stride=1, padding=blur)
    return pictures


@functools.cache
def pools(part: str) -> list[Tensor]:
    """As the sibling's, and validation scripts with two typefaces."""
    if part != "validation design":
        return sibling.pools(part)
    some = [it for it in sibling.scripts()["validation"] if "Serif Regular" in it.fonts[1:]]
    drawn = [sibling.small(plain(it.pictures[:, :2].flatten(0, 1))) for it in some]
    return [it.view(-1, 2, 1, 14, 14) for it in drawn]


@functools.cache
def framed(part: str, frame: str) -> list[Tensor]:
    """The pictures of a part, with their ink so."""
    return [filled(it.flatten(0, 1), frame).view_as(it) for it in pools(part)]


def features(embed: Any, part: str, frame: str, blur: int, unit: bool) -> list[Tensor]:
    """``(letters, pictures, d)`` of each script."""
    found = []
    for pictures in framed(part, frame):
        with torch.no_grad():
            flat = embed(blurred(pictures.flatten(0, 1), blur))
        flat = flat.view(*pictures.shape[:2], -1)
        found.append(F.normalize(flat, dim=-1) if unit else flat)
    return found


def right(vectors: list[Tensor], ordered: bool) -> list[float]:
    """Accuracy in 60 tasks of each script."""
    return [sibling.answered(it, 60, ordered)[1].float().mean().item() for it in vectors]


def chosen(embed: Any, frame: str, blurs: tuple[int, ...]) -> dict[str, Any]:
    """Blur and length that are best on validation scripts, and the accuracies with these."""
    found: dict[str, Any] = {}
    for part, tests in (
        ("validation", ("scripts", "hand")),
        ("validation design", ("design",)),
    ):
        ordered = part == "validation design"
        means = {
            (blur, unit): torch.tensor(
                right(features(embed, part, frame, blur, unit), ordered)
            ).mean()
            for blur in blurs
            for unit in (False, True)
        }
        best = max(means, key=lambda it: means[it].item())
        kind = "design" if ordered else "others"
        found |= {f"{part}, chosen": means[best].item()}
        found |= {f"blur, {kind}": best[0], f"unit, {kind}": best[1]}
        for test in tests:
            vectors = features(embed, test, frame, *best)
            if test == "hand":
                classes, is_right = sibling.answered(vectors[0], 2_000, False)
                by_digit = [is_right[classes == k].float().mean().item() for k in range(10)]
                found[f"{test}, chosen"] = by_digit
            else:
                found[f"{test}, chosen"] = right(vectors, ordered)
    return found


def grey(frame: str, blur: int) -> dict[str, Any]:
    """Without training."""
    return chosen(lambda x: x.flatten(1), frame, (blur,))


@functools.cache
def rates() -> dict[tuple[str, str, str], float]:
    """Those that the chapter's first study chose."""
    rows = lm.studies.load("07_challenges/generalisation")
    rows = rows[rows.training.notna() & rows.seed.notna() & rows.steps.isna()]
    names = ["pictures", "start", "training", "rate"]
    return {tuple(it[:3]): float(it[3]) for it in rows[names].drop_duplicates().to_numpy()}


def aligned(pictures: str, training: str, frame: str, seed: int) -> dict[str, Any]:
    """A network of the first study, learnt on pictures with their ink so, with the choices."""
    model = sibling.network(seed)
    data = sibling.bank(pictures)
    data = filled(data.flatten(0, 1), frame).view_as(data)
    learn = sibling.in_episodes if training == "episodes" else sibling.classified
    learn(model, data, rates()[pictures, "random", training], sibling.STEPS, seed)
    return chosen(model.eval(), frame, (0, 1))


def few(kind: str, seed: int) -> dict[str, Any]:
    """Episodes of the scripts that have several fonts."""
    model = sibling.network(seed)
    data = sibling.bank(kind)[sibling.several()]
    sibling.in_episodes(model, data, sibling.RATES[5], sibling.STEPS, seed)
    return sibling.judged(model.eval())


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/generalisation_rival")
    for frame in FRAMES:
        for blur in BLURS:
            study.row(grey, frame=frame, blur=blur)
    for seed in range(3):
        for pictures, training in (
            ("distorted", "episodes"),
            ("distorted", "all at once"),
            ("plain", "episodes"),
        ):
            for frame in FRAMES[::2]:
                key = dict(pictures=pictures, training=training, frame=frame)
                study.row(aligned, **key, seed=seed)
    for kind in ("plain", "distorted"):
        study.row(few, kind=kind, seed=0)
    study.save()
