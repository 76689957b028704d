"""Fifth study of the chapter "Vision Transformers": copies for the ResNet, in twice its steps.

    make study NAME=03_algorithms/vision_transformers_longer

One thread, about 5 minutes, after vision_transformers. With moved copies, 300 steps are few. So the
ResNet learns in 600, with and without copies, at the rate of the first study.
"""

from __future__ import annotations

import torch
import vision_transformers_study as first

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_longer")
    rows = lm.studies.load("03_algorithms/vision_transformers")
    rows = rows[(rows.network == "ResNet") & (rows.data == "centred") & (rows.seed == 0)]
    best = {name: rows[name].iloc[0] for name in ("network", "rate", "optimizer", "decay")}
    for copies in (True, False):
        for seed in first.SEEDS:
            study.row(
                first.run, data="centred", **best, steps=600, copies=copies, seed=seed
            )
    study.save()
