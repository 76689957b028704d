"""Study of the chapter "Image classification": what is a pretrained network worth on solar cells?

    make study NAME=06_applications/image_classification

One thread, about 12 minutes. Sound or defective? From 5 to 450 labelled cells a class, a support
vector machine learns from features made by hand (HOG, local binary patterns, brightness) or from
the frozen layers of EfficientNet-Lite0, trained on ImageNet. Modules are dealt into four folds:
each is the test once, eight other modules choose features, kernel and penalty by the mean of three
draws of labels, and the labels come from the rest, three other draws each. The same again with the
cells dealt at random, which puts cells of one module on both sides. A row holds the rank of each
test cell, most suspicious first, as three hexadecimal digits, and how many test cells lie above the
threshold chosen on validation cells. The network computes in bfloat16.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import hog, local_binary_pattern
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.svm import SVC
from torch import Tensor

import largemodels as lm
from largemodels.data.solar_cells import SolarCells, solar_cells
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

LABELS = (5, 20, 100, 450)  # a class
FOLDS, DRAWS, TUNING_DRAWS = range(4), range(3), (9, 10, 11)  # of labels
LADDER = [10.0 ** (power / 2) for power in range(-16, 13)]  # of the penalty C
FIRST = (1.0, 0.1, 0.01, 10.0)  # tried at first
# Of each method: what the machine may see. Each is tried with both kernels.
SEEN = {
    "hand": ["hog 16", "hog 32", "texture", "hog 16 + texture", "hog 32 + texture"],
    "frozen": ["128", "128 most", "224", "224 most", "224 middle"],
}
KERNELS = ("linear", "RBF")


@functools.cache
def cells() -> SolarCells:
    """All pictures with their labels."""
    return solar_cells()


@functools.cache
def defective() -> np.ndarray:
    """The target: whether the experts thought a defect more likely than not."""
    return cells().probability.numpy() > 0.5


@functools.cache
def parts(fold: int, how: str) -> dict[str, np.ndarray]:
    """Numbers of cells in "test", "validation" and "pool"; modules are dealt by kind and defects.

    With how = "random" cells are dealt instead, in parts of the same sizes.
    """
    module, poly, y = cells().module.numpy(), cells().poly.numpy(), defective()
    key = [(poly[module == it].mean(), y[module == it].sum(), it) for it in range(44)]
    order = np.array([it for *_, it in sorted(key)])
    turn = np.arange(44) % 8
    of = np.where(turn < 4, turn, 7 - turn)
    rest = order[of != fold]
    modules = {"test": order[of == fold], "validation": rest[1::4]}
    modules["pool"] = np.setdiff1d(rest, modules["validation"])
    found = {name: np.flatnonzero(np.isin(module, its)) for name, its in modules.items()}
    if how == "random":
        mixed = np.random.default_rng(1_000 + fold).permutation(len(y))
        ends = np.cumsum([len(found[name]) for name in found])
        pieces = np.split(mixed, ends[:-1])
        found = {name: np.sort(it) for name, it in zip(found, pieces, strict=True)}
    return found


def labelled(fold: int, how: str, n: int, draw: int) -> np.ndarray:
    """Cells whose label may be seen: n of each class."""
    mixed = np.random.default_rng(100 * fold + draw).permutation(parts(fold, how)["pool"])
    return np.concatenate([mixed[defective()[mixed] == it][:n] for it in (False, True)])


def small(side: int, pictures: Tensor) -> Tensor:
    """Bytes ``(n, 300, 300)`` to numbers from 0 to 1, ``(n, 1, side, side)``."""
    pictures = pictures[:, None].float() / 255
    if side == pictures.shape[-1]:
        return pictures
    return F.interpolate(pictures, size=(side, side), mode="bilinear", antialias=True)


def texture(picture: np.ndarray) -> np.ndarray:
    """Shares of local binary patterns on two circles, and how bright the pixels are."""
    found = []
    for radius, points in ((1, 8), (3, 16)):
        codes = local_binary_pattern(picture, points, radius, "uniform").astype(int)
        found.append(np.bincount(codes.ravel(), minlength=points + 2) / picture.size)
    found.append(np.percentile(picture, [1, 5, 10, 25, 50, 75, 90, 95, 99]) / 255)
    return np.concatenate([*found, [picture.mean() / 255, picture.std() / 255]])


def layers(network: lm.EfficientNetLite, pictures: Tensor) -> dict[str, Tensor]:
    """Of the last layer the mean and the largest over places, of the eleventh block the mean."""
    x = lite0_pixels(pictures).expand(-1, 3, -1, -1)
    x = F.relu6(network.stem(x))
    for number, block in enumerate(network.blocks):
        x = block(x)
        if number == 10:
            middle = x.mean((2, 3))
    x = F.relu6(network.last(x))
    return {"mean": x.mean((2, 3)), "most": x.amax((2, 3)), "middle": middle}


@functools.cache
def network_features(side: int) -> dict[str, np.ndarray]:
    """Of all cells, by layer."""
    network = load_efficientnet_lite0()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = [layers(network, small(side, it)) for it in cells().pictures.split(16)]
    return {
        name: torch.cat([it[name] for it in found]).float().numpy() for name in found[0]
    }


@functools.cache
def features(name: str) -> np.ndarray:
    """What a machine sees of each cell, ``(2624, features)``."""
    if name.startswith("hog") and "+" not in name:
        size = int(name.split()[1])
        some = small(128, cells().pictures)[:, 0].numpy()
        return np.stack(
            [hog(it, 9, (size, size), (2, 2)).astype(np.float32) for it in some]
        )
    if name == "texture":
        found = [texture(it) for it in cells().pictures.numpy()]
        return np.array(found, np.float32)
    if "+" in name:
        return np.concatenate([features(it) for it in name.split(" + ")], 1)
    side, *layer = name.split()
    found = network_features(int(side))
    if layer == ["middle"]:
        return found["middle"]
    return np.concatenate([found["mean"], found["most"]], 1) if layer else found["mean"]


def scaled(x: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Features minus the mean of some cells, over their deviation.

    ReLU leaves features that are zero in nearly all cells. So that the few others do not outweigh
    everything else, a deviation counts as at least a tenth of the median one, and no number is
    more than five deviations from the mean.
    """
    deviation = x[some].std(0)
    floor = 0.1 * np.median(deviation)
    return np.clip((x - x[some].mean(0)) / np.maximum(deviation, floor), -5, 5)


@functools.lru_cache(maxsize=12)
def kernel(seen: str, kind: str, fold: int, how: str, level: str = "kept") -> np.ndarray:
    """Likeness of each cell to each, from features scaled by the pool's mean and deviation.

    If the level is "taken", the mean of its module is taken from each cell's features before.
    """
    x, module = features(seen), cells().module.numpy()
    if level == "taken":
        x = x - np.stack([x[module == it].mean(0) for it in range(44)])[module]
    x = scaled(x, parts(fold, how)["pool"])
    products = np.asarray(x @ x.T / x.shape[1], np.float64)
    if kind == "linear":
        return products
    lengths = products.diagonal()
    return np.exp(-np.maximum(0, lengths[:, None] + lengths[None] - 2 * products) / 2)


def scores(
    seen: str,
    kind: str,
    penalty: float,
    fold: int,
    how: str,
    taught: np.ndarray,
    level: str = "kept",
) -> dict[str, np.ndarray]:
    """How suspicious a machine finds the cells of validation and test."""
    alike = kernel(seen, kind, fold, how, level)
    machine = SVC(C=penalty, kernel="precomputed")
    machine.fit(alike[np.ix_(taught, taught)], defective()[taught])
    return {
        part: machine.decision_function(alike[np.ix_(parts(fold, how)[part], taught)])
        for part in ("validation", "test")
    }


def threshold(found: np.ndarray, truth: np.ndarray) -> float:
    """The score above which a cell is called defective: best balanced accuracy."""
    tried = np.unique(found)
    middles = (tried[1:] + tried[:-1]) / 2
    return float(max(middles, key=lambda it: balanced_accuracy_score(truth, found > it)))


def judged(found: dict[str, np.ndarray], fold: int, how: str) -> dict[str, Any]:
    """What a row holds of the scores."""
    truth = {part: defective()[parts(fold, how)[part]] for part in found}
    at = threshold(found["validation"], truth["validation"])
    ranks = (-found["test"]).argsort(kind="stable").argsort(kind="stable")
    tied = len(ranks) - len(np.unique(found["test"]))
    above = int((found["test"] > at).sum())
    return {
        "auc": 100 * float(roc_auc_score(truth["test"], found["test"])),
        "balanced": 100 * float(balanced_accuracy_score(truth["test"], ranks < above)),
        "above": above,
        "tied": tied,
        "ranks": "".join(f"{it:03x}" for it in ranks),
    }


def test(
    who: str, n: int, fold: int, how: str, draw: int, seen: str, kind: str, penalty: float
) -> dict[str, Any]:
    """Learn from a draw of labels and rank the test cells."""
    taught = labelled(fold, how, n, draw)
    return judged(scores(seen, kind, penalty, fold, how, taught), fold, how)


def choose(who: str, n: int, fold: int, how: str) -> dict[str, Any]:
    """Features, kernel and penalty with the largest area on validation cells, mean of draws."""
    taught = [labelled(fold, how, n, draw) for draw in TUNING_DRAWS]
    truth = defective()[parts(fold, how)["validation"]]
    tried: dict[tuple[str, str, float], float] = {}
    for seen in SEEN[who]:
        for kind in KERNELS:

            def score(penalty: float, seen: str = seen, kind: str = kind) -> float:
                found = [scores(seen, kind, penalty, fold, how, it) for it in taught]
                areas = [roc_auc_score(truth, it["validation"]) for it in found]
                tried[seen, kind, penalty] = round(100 * float(np.mean(areas)), 3)
                return -tried[seen, kind, penalty]

            lm.studies.best_inside(LADDER, FIRST, score)
    best = max(tried, key=tried.__getitem__)
    each = {f"best {seen}": max(it for key, it in tried.items() if key[0] == seen)
            for seen in SEEN[who]}  # fmt: skip
    return dict(zip(("seen", "kind", "penalty"), best, strict=True)) | {
        "validation": tried[best], "trials": len(tried)
    } | each  # fmt: skip


def main() -> None:
    """All rows."""
    study = lm.studies.Study("06_applications/image_classification")
    for how, labels in (("modules", LABELS), ("random", (100, 450))):
        for fold in FOLDS:
            for who in SEEN:
                for n in labels:
                    best = study.row(choose, who=who, n=n, fold=fold, how=how)
                    best = {key: best[key] for key in ("seen", "kind", "penalty")}
                    for draw in DRAWS:
                        study.row(test, who=who, n=n, fold=fold, how=how, draw=draw, **best)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
