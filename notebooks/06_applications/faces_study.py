"""Study of the chapter "Faces": a learnt descriptor against features by hand, for new people.

    make study NAME=06_applications/faces

One thread, about six minutes. The 40 people of the ORL faces are dealt into five folds of eight.
Each fold is the test once; what the rivals learn or choose, they learn and choose on the other 32
people, in four inner folds. The descriptor is used as published: nothing of it is learnt or chosen
here. Distances are kept, descriptions of people are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import hog, local_binary_pattern

import largemodels as lm
from largemodels.data.faces import orl_faces
from largemodels.objectives.verification import equal_error_rate
from largemodels.pretrained import faces

# Padding around the mean face, in widths of it.
CROPS = ("whole", -0.2, -0.1, 0.0, 0.1, 0.25, 0.4, 0.6, 0.8)
SIZES = (20, 40, 80, 160, 240)  # principal components; 240 is all of them
SHARES = (1e-5, 1e-3, 1e-2, 1e-1, 1.0)  # regularisation of the scatter within people
SOUGHT = 128  # pixels a side in which the finder looks
FOLDS = 5


@cache
def reader() -> faces.FaceReader:
    """The pretrained networks."""
    return faces.load_faces()


@cache
def people() -> tuple[torch.Tensor, np.ndarray]:
    """Pictures ``(400, 3, 112, 92)`` from 0 to 255, and who is on them."""
    data = orl_faces()
    return data.pictures.float()[:, None].expand(-1, 3, -1, -1), data.person.numpy()


def located(pictures: torch.Tensor) -> list[torch.Tensor | None]:
    """The points of the most probable face in each picture, None where no face is found."""
    tools, its = reader(), []
    for picture in pictures:
        found = faces.find_faces(tools.finder, picture, 0.5, SOUGHT)
        its.append(
            faces.locate_points(tools.points, picture, found[0][0]) if found else None
        )
    return its


@cache
def places() -> list[torch.Tensor | None]:
    """The points of the 400 pictures as they are."""
    return located(people()[0])


def crops(
    pictures: torch.Tensor, points: list[torch.Tensor | None], crop: float | str, side: int
) -> torch.Tensor:
    """Aligned faces, or pictures as they are, ``(n, 3, side, side)``."""
    if crop == "whole":
        return F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    none = pictures.new_zeros(3, side, side)
    return torch.stack(
        [
            none if place is None else faces.align(picture, place, side, float(crop))
            for picture, place in zip(pictures, points, strict=True)
        ]
    )


def features(
    family: str, pictures: torch.Tensor, points: list, crop: float | str
) -> np.ndarray:
    """One row of numbers a picture."""
    cut = crops(pictures, points, crop, 40 if family == "pixels" else 64)
    grey = cut[:, 0].double().numpy()
    if family == "pixels":
        x = grey.reshape(len(grey), -1)
        x = x - x.mean(axis=1, keepdims=True)
        return x / np.maximum(1, x.std(axis=1, keepdims=True))
    if family == "hog":
        return np.stack([hog(it, 9, (8, 8), (2, 2), block_norm="L2-Hys") for it in grey])
    return np.stack([patterns(it) for it in grey])


def patterns(picture: np.ndarray, cell: int = 8) -> np.ndarray:
    """Square roots of histograms of local binary patterns in cells."""
    codes = local_binary_pattern(picture.round().astype(np.uint8), 8, 1, "nri_uniform")
    rows = range(0, picture.shape[0], cell)
    its = [
        codes[y : y + cell, x : x + cell].astype(int).ravel() for y in rows for x in rows
    ]
    return np.sqrt(np.concatenate([np.bincount(it, minlength=59) for it in its]))


def maps(
    x: np.ndarray, person: np.ndarray, sizes: tuple, shares: tuple
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Fisher's discriminants after principal components, for each size and share."""
    who = np.unique(person, return_inverse=True)[1]
    _, length, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    for size in sizes:
        basis = right[: min(size, int((length > 1e-6 * length[0]).sum()))].T
        z = (x - x.mean(axis=0)) @ basis
        means = np.stack([z[who == it].mean(axis=0) for it in range(who.max() + 1)])
        within = z - means[who]
        spread, axes = np.linalg.eigh(within.T @ within / len(z))
        for share in shares:
            white = axes / np.sqrt(spread.clip(0) + share * spread.mean())
            between = (means - means.mean(axis=0)) @ white
            best = np.linalg.svd(between, full_matrices=False)[2][: len(means) - 1]
            yield size, share, basis @ white @ best.T


def angles(z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One minus the cosine between each row and each row."""
    z, other = (
        it / np.linalg.norm(it, axis=1, keepdims=True).clip(1e-9) for it in (z, other)
    )
    return 1 - z @ other.T


def equal_errors(distance: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Equal error rate in per cent, and its threshold."""
    rate, threshold = equal_error_rate(distance, same)
    return 100 * rate, threshold


def pairs(distances: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of the pairs above the diagonal, and whether both are of one person."""
    row, column = np.triu_indices(len(person), 1)
    return distances[row, column], person[row] == person[column]


def tuned(fold: int, given: dict) -> tuple[dict, float, float]:
    """The best of all trials on the 32 people outside of a fold; its errors and threshold."""
    person = people()[1]
    inner = np.where(person % FOLDS == fold, -1, person // FOLDS % 4)
    scores: dict[tuple, list] = {}
    for crop, x in given.items():
        for part in range(4):
            learn, judge = (inner >= 0) & (inner != part), inner == part
            for size, share, mapped in maps(x[learn], person[learn], SIZES, SHARES):
                z = (x[judge] - x[learn].mean(axis=0)) @ mapped
                scores.setdefault((crop, size, share), []).append(
                    equal_errors(*pairs(angles(z, z), person[judge]))
                )
    best = min(scores, key=lambda it: np.mean([rate for rate, _ in scores[it]]))
    rate, threshold = np.mean(scores[best], axis=0)
    return (
        dict(zip(("crop", "size", "share"), best, strict=True)),
        float(rate),
        float(threshold),
    )


@cache
def chosen(family: str) -> tuple[dict, list[tuple[dict, float, float]]]:
    """Features by crop, and the choice of each fold."""
    given = {crop: features(family, people()[0], places(), crop) for crop in CROPS}
    return given, [tuned(fold, given) for fold in range(FOLDS)]


def learnt(family: str, fold: int) -> tuple[np.ndarray, np.ndarray, dict, float]:
    """Mean, map, setting and threshold, learnt from the 32 people outside of a fold."""
    given, choices = chosen(family)
    setting, _, threshold = choices[fold]
    x, person = given[setting["crop"]], people()[1]
    learn = person % FOLDS != fold
    ((*_, mapped),) = maps(x[learn], person[learn], (setting["size"],), (setting["share"],))
    return x[learn].mean(axis=0), mapped, setting, threshold


def rival(family: str) -> dict[str, Any]:
    """Features by hand, with discriminants learnt from 32 people."""
    given, choices = chosen(family)
    person, its = people()[1], []
    for fold in range(FOLDS):
        mean, mapped, setting, _ = learnt(family, fold)
        z = (given[setting["crop"]][person % FOLDS == fold] - mean) @ mapped
        its.append(pairs(angles(z, z), person[person % FOLDS == fold])[0])
    study.keep(family, {"distances": torch.tensor(np.stack(its)).float()}, {"by": "fold"})
    return summary(its) | {
        "validation": float(np.mean([rate for _, rate, _ in choices])),
        "trials": len(CROPS) * len(SIZES) * len(SHARES),
        "settings": "; ".join(str(list(it.values())) for it, *_ in choices),
    }


def descriptor(how: str) -> dict[str, Any]:
    """The published descriptor, of aligned faces, of found boxes, or of whole pictures."""
    pictures, person = people()
    z = described(pictures, places(), how)
    its = []
    for fold in range(FOLDS):
        part = z[person % FOLDS == fold]
        its.append(
            pairs(torch.cdist(part, part).numpy(), person[person % FOLDS == fold])[0]
        )
    study.keep(how, {"distances": torch.tensor(np.stack(its))}, {"by": "fold"})
    return summary(its) | {"trials": 0}


def described(pictures: torch.Tensor, points: list, how: str) -> torch.Tensor:
    """Descriptions ``(n, 128)``."""
    tools = reader()
    if how != "boxed":
        cut = crops(pictures, points, "whole" if how == "whole" else faces.PADDING, 150)
        return faces.describe(tools.descriptor, cut)
    cut = []
    for picture in pictures:
        ((box, _),) = faces.find_faces(tools.finder, picture, 0.5, SOUGHT)[:1]
        left, top, right, bottom = (round(max(0, it)) for it in box)
        part = picture[None, :, top:bottom, left:right]
        cut.append(F.interpolate(part, (150, 150), mode="bilinear", antialias=True)[0])
    return faces.describe(tools.descriptor, torch.stack(cut))


@cache
def aligned() -> torch.Tensor:
    """Descriptions of the pictures as they are."""
    return described(people()[0], places(), "aligned")


def summary(its: list[np.ndarray]) -> dict[str, Any]:
    """Equal error rate of each fold and their mean, in per cent."""
    person = people()[1]
    rates = []
    for fold, distance in enumerate(its):
        who = person[person % FOLDS == fold]
        row, column = np.triu_indices(len(who), 1)
        rates.append(equal_errors(distance, who[row] == who[column])[0])
    return {"equal": float(np.mean(rates))} | {
        f"fold {it}": r for it, r in enumerate(rates)
    }


def spoilt(kind: str, level: float) -> torch.Tensor:
    """The pictures blurred, dark on one side, or with eyes or mouth and nose under a black bar."""
    pictures = people()[0].clone()
    if kind == "blur":
        radius = round(4 * level)
        at = torch.arange(-radius, radius + 1)
        bell = torch.exp(-(at**2) / (2 * level**2))
        bell = (bell / bell.sum()).expand(3, 1, 1, -1)
        wide = F.pad(pictures, (radius,) * 4, mode="replicate")
        return F.conv2d(F.conv2d(wide, bell, groups=3), bell.mT, groups=3)
    if kind == "side light":
        return (pictures * torch.linspace(1, level, 92)).round()
    for picture, points in zip(pictures, places(), strict=True):
        if kind == "eyes covered":
            eyes = points[36:48]
            more = 0.25 * float(eyes[:, 0].max() - eyes[:, 0].min())
            (left, top), (right, bottom) = eyes.amin(0) - more / 2, eyes.amax(0) + more / 2
        elif kind == "mouth and nose covered":
            left, right = points[3, 0], points[13, 0]
            top, bottom = points[29, 1], points[8, 1]
        else:
            continue
        edges = [max(0, round(float(it))) for it in (top, bottom, left, right)]
        picture[:, edges[0] : edges[1], edges[2] : edges[3]] = 0
    return pictures


def disturbed(kind: str, level: float, family: str) -> dict[str, Any]:
    """Spoilt pictures against clean ones, at the threshold of equal errors of the other people."""
    person = people()[1]
    probes = spoilt(kind, level)
    points = located(probes)
    found = np.array([it is not None for it in points])
    ours, before = described(probes, points, "aligned"), aligned()
    lost: dict[str, list[int]] = {}
    for fold in range(FOLDS):
        test = person % FOLDS == fold
        rest = before[~test]
        apart = torch.cdist(rest, rest).numpy()
        least = equal_errors(*pairs(apart, person[~test]))[1]
        mean, mapped, setting, limit = learnt(family, fold)
        theirs = features(
            family,
            probes[test],
            [it for it, t in zip(points, test, strict=True) if t],
            setting["crop"],
        )
        given = chosen(family)[0][setting["crop"]][test]
        judged = {
            "descriptor": torch.cdist(ours[test], before[test]).numpy() <= least,
            "rival": angles((theirs - mean) @ mapped, (given - mean) @ mapped) <= limit,
        }
        who = person[test]
        same = who[:, None] == who[None]
        other = ~np.eye(len(who), dtype=bool)  # never a picture against its own spoilt self
        for name, matched in judged.items():
            matched = matched & found[test][:, None]
            for it in np.unique(who):
                mine = who == it
                lost.setdefault(f"{name}, missed", []).append(
                    int((same & other & ~matched)[mine].sum())
                )
                lost.setdefault(f"{name}, false", []).append(
                    int((~same & matched)[mine].sum())
                )
    return {"found": int(found.sum())} | {
        name: " ".join(map(str, it)) for name, it in lost.items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/faces")
    for how in ("aligned", "boxed", "whole"):
        study.row(descriptor, how=how)
    study.row(rival, family="pixels")
    disturbances = {"nothing": 0.0, "blur": 2.0, "side light": 0.2}
    disturbances |= {"eyes covered": 1.0, "mouth and nose covered": 1.0}
    for kind, level in disturbances.items():
        study.row(disturbed, kind=kind, level=level, family="pixels")
    for family in ("hog", "patterns"):
        study.row(rival, family=family)
    study.save()
