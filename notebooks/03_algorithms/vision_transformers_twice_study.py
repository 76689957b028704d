"""Eighth study of the chapter "Vision Transformers": copies, in twice the steps.

    make study NAME=03_algorithms/vision_transformers_twice

One thread, about 7 minutes, after vision_transformers_copies. In 1,200 steps the vision Transformer
does not come to fit its moved copies. So it learns in 2,400, with and without copies, at the rates
of that study.
"""

from __future__ import annotations

import torch
import vision_transformers_study as first

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_twice")
    rows = lm.studies.load("03_algorithms/vision_transformers_copies")
    rows = rows[(rows.network == "ViT") & (rows.seed == 0)].set_index("copies")
    for copies in (True, False):
        best = {it: rows.loc[copies, it] for it in ("rate", "optimizer", "decay")}
        for seed in first.SEEDS:
            study.row(
                first.run, network="ViT", data="centred", **best, steps=2_400,
                copies=copies, seed=seed,
            )  # fmt: skip
    study.save()
