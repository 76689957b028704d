"""Study of the chapter "Image classification": what the comparison depends on.

    make study NAME=06_applications/image_classification_checks

One thread, about 4 minutes. A plain head as in the chapter, with 100 labels a class. With 50:
learning from cells of one kind of silicon and testing on the other; labels from cells alone of
which the experts were certain; and features of an EfficientNet-Lite0 whose weights are drawn at
random, so that it has the architecture and no ImageNet, of its last layer or its middle. Features,
kernel and penalty are chosen as in the first study; learning from one kind, on validation cells of
that kind.
"""

from __future__ import annotations

import functools
from typing import Any

import image_classification_study as first
import numpy as np
import torch
from image_classification_study import DRAWS, FOLDS, SEEN, cells, defective, parts, small
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC

import largemodels as lm
from largemodels.pretrained.efficientnet import lite0_pixels

N, FEW = 100, 50
PENALTIES = [10.0**power for power in (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6)]


def plain(fold: int, draw: int) -> dict[str, Any]:
    """Logistic regression on the mean features at 224 pixels, scaled by the labelled cells."""
    taught, test = first.labelled(fold, "modules", N, draw), parts(fold, "modules")["test"]
    x = first.features("224")
    deviation = x[taught].std(0)
    x = (x - x[taught].mean(0)) / np.maximum(deviation, 0.1 * np.median(deviation))
    head = LogisticRegression(C=0.001, max_iter=1_000).fit(x[taught], defective()[taught])
    area = roc_auc_score(defective()[test], head.decision_function(x[test]))
    return {"auc": 100 * float(area)}


@functools.cache
def untrained() -> dict[str, np.ndarray]:
    """Features at 224 pixels of a network with random weights, by layer as in the first study.

    Its batch normalisation has seen 256 cells, so that numbers keep their size from block to block.
    """
    torch.manual_seed(0)
    network = lm.EfficientNetLite(lm.EfficientNetLiteConfig())
    pictures = cells().pictures
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the plain mean of all batches
    found = []
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        network.train()
        for some in pictures[::10][:256].split(32):
            network.features(lite0_pixels(small(224, some)).expand(-1, 3, -1, -1))
        network.eval()
        for some in pictures.split(16):
            found.append(first.layers(network, small(224, some)))
    return {
        name: torch.cat([it[name] for it in found]).float().numpy() for name in found[0]
    }


@functools.lru_cache(maxsize=4)
def likeness(seen: str, kind: str, fold: int) -> np.ndarray:
    """As in the first study, also for the network without training."""
    if not seen.startswith("untrained"):
        return first.kernel(seen, kind, fold, "modules")
    x = first.scaled(untrained()[seen.split()[1]], parts(fold, "modules")["pool"])
    products = np.asarray(x @ x.T / x.shape[1], np.float64)
    lengths = products.diagonal()
    apart = np.maximum(0, lengths[:, None] + lengths[None] - 2 * products)
    return products if kind == "linear" else np.exp(-apart / 2)


def drawn(fold: int, draw: int, n: int, allowed: np.ndarray) -> np.ndarray:
    """Labelled cells, n of each class, among those that are allowed."""
    mixed = np.random.default_rng(100 * fold + draw).permutation(
        parts(fold, "modules")["pool"]
    )
    mixed = mixed[allowed[mixed]]
    return np.concatenate([mixed[defective()[mixed] == it][:n] for it in (False, True)])


def asked(
    alike: np.ndarray, penalty: float, taught: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Scores of some cells."""
    machine = SVC(C=penalty, kernel="precomputed")
    machine.fit(alike[np.ix_(taught, taught)], defective()[taught])
    return np.asarray(machine.decision_function(alike[np.ix_(rows, taught)]))


def chosen(
    seen: list[str], fold: int, n: int, allowed: np.ndarray, judges: np.ndarray
) -> dict[str, Any]:
    """What ranks the allowed validation cells best, by the mean of draws of labels."""
    taught = [drawn(fold, it, n, allowed) for it in first.TUNING_DRAWS]
    its = parts(fold, "modules")["validation"]
    its, tried = its[judges[its]], {}
    for name in seen:
        for kind in first.KERNELS:
            for penalty in PENALTIES:
                found = [
                    asked(likeness(name, kind, fold), penalty, it, its) for it in taught
                ]
                area = np.mean([roc_auc_score(defective()[its], it) for it in found])
                tried[name, kind, penalty] = round(float(area), 5)
    best = max(tried, key=tried.__getitem__)
    return dict(zip(("seen", "kind", "penalty"), best, strict=True))


def areas(found: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """The area under the curve on all test cells, of each kind, and where experts were certain."""
    poly = cells().poly.numpy()[rows]
    sure = (cells().probability.numpy()[rows] * 2 - 1).round(3) ** 2 > 0.9
    truth, groups = (
        defective()[rows],
        {"all": sure | True, "mono": ~poly, "poly": poly, "sure": sure},
    )
    return {
        name: 100 * float(roc_auc_score(truth[it], found[it]))
        for name, it in groups.items()
    }


def learn(who: str, fold: int, source: str) -> dict[str, Any]:
    """Mean areas over draws. The source: "all", "mono", "poly" or "sure"."""
    poly, p = cells().poly.numpy(), cells().probability.numpy()
    sure = (p < 0.1) | (p > 0.9)
    allowed = {"all": sure | True, "mono": ~poly, "poly": poly, "sure": sure}[source]
    judges = allowed if source in ("mono", "poly") else sure | True
    layers = ["untrained mean", "untrained middle"]
    seen = layers if who == "untrained" else SEEN[who]
    best, test = chosen(seen, fold, FEW, allowed, judges), parts(fold, "modules")["test"]
    alike, found = likeness(best["seen"], best["kind"], fold), []
    for draw in DRAWS:
        taught = drawn(fold, draw, FEW, allowed)
        found.append(areas(asked(alike, best["penalty"], taught, test), test))
    means = {f"on {name}": float(np.mean([it[name] for it in found])) for name in found[0]}
    return means | best


def main() -> None:
    """All rows."""
    study = lm.studies.Study("06_applications/image_classification_checks")
    study.row(plain, fold=0, draw=0)
    for fold in FOLDS:
        for who in SEEN:
            for source in ("all", "mono", "poly", "sure"):
                study.row(learn, who=who, fold=fold, source=source)
        study.row(learn, who="untrained", fold=fold, source="all")
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
