"""Study of the chapter "Image classification": what is left when a module's level is taken away?

    make study NAME=06_applications/image_classification_level

One thread, about 6 minutes, most of it for the features. The folds, labels and machines are those
of the first study, with three kinds of features each. "kept": features as they are; "taken": minus
the mean over all cells of the same module, without labels, so that nothing tells one module from
another. Features, kernel and penalty are those that put most pairs of validation cells of one
module into the right order, a defective and a sound one, in the mean over three draws of labels.
By this share, "validation", the chapter chooses "kept" or "taken". Rows hold ranks as in the first
study.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from image_classification_study import (
    DRAWS,
    FIRST,
    FOLDS,
    KERNELS,
    LABELS,
    LADDER,
    TUNING_DRAWS,
    cells,
    defective,
    judged,
    labelled,
    parts,
    scores,
)
from sklearn.metrics import roc_auc_score

import largemodels as lm

SEEN = {
    "hand": ["hog 32", "texture", "hog 16 + texture"],
    "frozen": ["128", "224", "224 middle"],
}


def within(found: np.ndarray, rows: np.ndarray) -> float:
    """Pairs in the right order (%) among those of one module."""
    right, pairs = 0.0, 0
    for one in np.unique(cells().module.numpy()[rows]):
        mine = cells().module.numpy()[rows] == one
        truth = defective()[rows][mine]
        if n := int(truth.sum() * (~truth).sum()):
            right, pairs = right + n * float(roc_auc_score(truth, found[mine])), pairs + n
    return 100 * right / pairs


def learn(who: str, n: int, fold: int, level: str) -> dict[str, Any]:
    """Choose on validation cells, then the means over draws on the test, and the first's ranks."""
    taught, tried = [labelled(fold, "modules", n, it) for it in TUNING_DRAWS], {}
    judges = parts(fold, "modules")["validation"]
    for seen in SEEN[who]:
        for kind in KERNELS:

            def score(penalty: float, seen: str = seen, kind: str = kind) -> float:
                found = [
                    scores(seen, kind, penalty, fold, "modules", it, level) for it in taught
                ]
                shares = [within(it["validation"], judges) for it in found]
                tried[seen, kind, penalty] = round(float(np.mean(shares)), 3)
                return -tried[seen, kind, penalty]

            lm.studies.best_inside(LADDER, FIRST, score)
    best, rows = max(tried, key=tried.__getitem__), []
    for draw in DRAWS:
        found = scores(*best, fold, "modules", labelled(fold, "modules", n, draw), level)
        test = parts(fold, "modules")["test"]
        rows.append(
            {"within": within(found["test"], test), **judged(found, fold, "modules")}
        )
    means = {key: float(np.mean([it[key] for it in rows])) for key in ("auc", "within")}
    chosen = dict(zip(("seen", "kind", "penalty"), best, strict=True))
    means |= {"validation": tried[best], "tied": max(it["tied"] for it in rows)}
    return means | chosen | {f"ranks {draw}": rows[draw]["ranks"] for draw in DRAWS}


def main() -> None:
    """All rows."""
    study = lm.studies.Study("06_applications/image_classification_level")
    for fold in FOLDS:
        for who in SEEN:
            for level in ("kept", "taken"):
                for n in LABELS:
                    study.row(learn, who=who, n=n, fold=fold, level=level)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
