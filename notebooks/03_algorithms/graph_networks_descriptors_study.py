"""Study of the chapter "Graph networks": is it RDKit's estimate of log P that wins?

    make study NAME=03_algorithms/graph_networks_descriptors

One thread, about 2 minutes. Boosted trees on the descriptors as in graph_networks_molecules, on all
of them, on all but those made of estimated log P ("MolLogP" and the "SlogP_VSA" bins), on these
alone, and on MolLogP alone. The learning rate is chosen on the validation part of each split.
"""

from __future__ import annotations

import functools
from typing import Any

import graph_networks_molecules_study as first
import numpy as np
import torch
from rdkit.Chem import Descriptors
from sklearn.ensemble import HistGradientBoostingRegressor

import largemodels as lm

NAMES = [name for name, _ in Descriptors.descList]
LOG_P = np.array([name == "MolLogP" or name.startswith("SlogP_VSA") for name in NAMES])
SHOWN = {
    "without": ~LOG_P,
    "these": LOG_P,
    "one": np.array([name == "MolLogP" for name in NAMES]),
}
LADDER, START = first.LADDERS["descriptors"]


def run(shown: str, split: int, setting: float) -> dict[str, Any]:
    """Boosted trees on some of the descriptors."""
    table, y, _ = first.data()
    parts = first.scaffold_split(table.scaffold, split)
    x = first.table_of("descriptors")[:, SHOWN[shown]]
    model = HistGradientBoostingRegressor(
        learning_rate=setting, max_iter=200, random_state=split, early_stopping=False
    )
    model.fit(x[parts["train"]], y.numpy()[parts["train"]])
    held = ("validation", "test")
    found = {it: first.error(model.predict(x[parts[it]]), parts[it]) for it in held}
    return found | {"columns": x.shape[1]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_descriptors")
    for shown in SHOWN:
        for split in first.SPLITS:
            score = functools.partial(first.validated, study, run, shown=shown, split=split)
            lm.studies.best_inside(LADDER, [START], score)
    study.save()
