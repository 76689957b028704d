"""Study of the chapter "Image classification": the same test cells, with and without a leak.

    make study NAME=06_applications/image_classification_leak

One thread, about 4 minutes, most of it for the features. The cells of each test module are halved
at random. Half of them are the test; labels come from other modules alone ("apart"), or from these
and the other halves of the test modules, drawn together ("mixed"), as many in both cases; or mixed
without those cells of the other halves that correlate with a test cell by more than 0.97, "no
twins". Features, kernel and penalty are those that the first study has chosen with modules apart.
Rows hold ranks as there, and the share of pairs of one module in the right order.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from image_classification_level_study import within
from image_classification_study import DRAWS, FOLDS, SEEN, cells, defective, kernel, parts
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC

import largemodels as lm


@functools.cache
def alike_pictures() -> torch.Tensor:
    """Correlation of each cell with each, as 50 × 50 pixels."""
    some = [F.avg_pool2d(it[:, None].float(), 6) for it in cells().pictures.split(256)]
    x = torch.cat(some).flatten(1)
    x = x - x.mean(1, keepdim=True)
    x = x / x.norm(dim=1, keepdim=True)
    return x @ x.T


def learn(
    who: str, n: int, fold: int, draw: int, seen: str, kind: str, penalty: float
) -> dict[str, Any]:
    """Areas under the curve on one half of the test cells, by where labels come from."""
    rng, its, row = np.random.default_rng(100 * fold + draw), parts(fold, "modules"), {}
    mixed = rng.permutation(its["test"])
    test, other = np.sort(mixed[::2]), mixed[1::2]
    alike = kernel(seen, kind, fold, "modules")
    near = (alike_pictures()[other][:, test].amax(1) > 0.97).numpy()
    sources = {
        "apart": its["pool"],
        "mixed": [*its["pool"], *other],
        "no twins": [*its["pool"], *other[~near]],
    }
    row["twins"] = int(near.sum())
    for how, source in sources.items():
        drawn = rng.permutation(source)
        taught = np.concatenate(
            [drawn[defective()[drawn] == it][:n] for it in (False, True)]
        )
        machine = SVC(C=penalty, kernel="precomputed")
        machine.fit(alike[np.ix_(taught, taught)], defective()[taught])
        found = machine.decision_function(alike[np.ix_(test, taught)])
        row[how] = 100 * float(roc_auc_score(defective()[test], found))
        row[f"{how}, one module"] = within(found, test)
        row[f"leaked {how}"] = int(np.isin(taught, other).sum())
        ranks = (-found).argsort(kind="stable").argsort(kind="stable")
        row[f"ranks {how}"] = "".join(f"{it:03x}" for it in ranks)
    return row


def main() -> None:
    """All rows."""
    before = lm.studies.load("06_applications/image_classification")
    before = before[before.ranks.isna() & (before.how == "modules")]
    study = lm.studies.Study("06_applications/image_classification_leak")
    for fold in FOLDS:
        for who in SEEN:
            for n in (100, 450):
                one = before[(before.who == who) & (before.n == n) & (before.fold == fold)]
                best = one.iloc[0][["seen", "kind", "penalty"]].to_dict()
                for draw in DRAWS:
                    study.row(learn, who=who, n=n, fold=fold, draw=draw, **best)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
