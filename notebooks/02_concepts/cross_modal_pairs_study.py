"""Second study of the chapter "Pictures and words": how many pairs does each way need?

    make study NAME=02_concepts/cross_modal_pairs

One thread, about 5 minutes. The three trained ways of the first study with 100 and with 300 of the
800 training pairs, drawn anew for each seed. Learning rate and dropout of the maps and the penalty
of ridge regression are tuned anew for each number of pairs, on the validation part, with three seeds.
"""

from __future__ import annotations

import cross_modal_study as first
import torch

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal_pairs")
    for n in (100, 300):
        penalty = first.tune_ridge(study, n, first.TUNING_SEEDS)
        for seed in first.SEEDS:
            study.row(first.ridge, n=n, seed=seed, penalty=penalty)
        for kind in ("one", "two"):
            setting = first.tune(study, kind, n, ["learning_rate", "dropout"])
            for seed in first.SEEDS:
                study.row(first.maps, kind=kind, n=n, seed=seed, **setting)
    study.save()
