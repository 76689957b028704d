"""Sixth study of the chapter "Vision Transformers": a larger grid for the soft teacher.

    make study NAME=03_algorithms/vision_transformers_softer

One thread, about 2 minutes, after vision_transformers_taught, whose best weight was its highest. So
more weights, up to 1, where labels no longer count, and temperatures are tried on the validation
pictures, and the best of both studies is trained with each seed.
"""

from __future__ import annotations

import torch
import vision_transformers_study as first
import vision_transformers_taught_study as taught

import largemodels as lm

GRID = ((0.9, 0.5), (0.9, 3.0), (0.9, 9.0), (1.0, 1.0), (1.0, 3.0))  # weight, temperature

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_softer")
    key = dict(way="soft", **taught.chosen("ViT"))
    before = lm.studies.load("03_algorithms/vision_transformers_taught")
    before = before[(before.way == "soft") & (before.seed == first.TUNING_SEED)]
    tried = {
        (row.weight, row.temperature): row.validation_error for row in before.itertuples()
    }
    for weight, temperature in GRID:
        row = study.row(
            taught.run,
            weight=weight,
            temperature=temperature,
            seed=first.TUNING_SEED,
            **key,
        )
        tried[weight, temperature] = row["validation_error"]
    weight, temperature = min(tried, key=tried.__getitem__)
    for seed in first.SEEDS:
        study.row(taught.run, weight=weight, temperature=temperature, seed=seed, **key)
    study.save()
