"""Study of the chapter "Graph networks": a GIN that can tell how many atoms there are.

    make study NAME=03_algorithms/graph_networks_readout

One thread, about 6 minutes. The study of molecules reads the mean over the atoms out of a GIN. A
mean cannot tell how large a molecule is, and without bonds nothing else can. Here it is the sum;
splits, features and epochs are those of that study. The search of the learning rate begins at two
rates, since a large one turned out to serve the sum well.
"""

from __future__ import annotations

import functools

import torch
from graph_networks_molecules_study import RATES, SPLITS, gin, validated

import largemodels as lm

RATES_TRIED = [*RATES, 0.3, 1.0, 3.0]

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_readout")
    for atoms in ("full", "bare"):
        for bonds in ("none", "bonds", "kinds"):
            same = {"atoms": atoms, "bonds": bonds, "readout": "sum"}
            score = functools.partial(validated, study, gin, **same, split=0)
            rate = lm.studies.best_inside(RATES_TRIED, [1e-2, 0.3], score)
            for split in SPLITS[1:]:
                study.row(gin, **same, split=split, setting=rate)
            # The mean's ladder began at 0.01, so it has not met such a rate.
            study.row(gin, **same | {"readout": "mean"}, split=0, setting=0.3)
    study.save()
