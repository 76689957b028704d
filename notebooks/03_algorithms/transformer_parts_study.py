"""Fourth study of the chapter "The Transformer": what its parts are worth, and Portuguese.

    make study NAME=03_algorithms/transformer_parts

One thread, about 8 minutes. In the minute's run of the first study one part at a time is taken
away, at the rate that was chosen for the whole; and the whole learns Portuguese.
"""

from __future__ import annotations

import torch
import transformer_study as first

import largemodels as lm

RATE = 0.02  # of Muon, the best of the first study
CHANGES = ("no positions", "one head", "no smoothing")

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer_parts")
    for change in CHANGES:
        for seed in first.SEEDS:
            study.row(first.run, rate=RATE, change=change, seed=seed)
    study.row(first.run, rate=RATE, language="pt", seed=0)
    study.save()
