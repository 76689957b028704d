"""Fifth study of the chapter "Recommendation": trials beyond the edge of a grid of the fourth.

    make study NAME=06_applications/recommendation_edges

One thread, about one minute. The Transformer that learns from histories in random order was best
with the largest rate and the smallest width that had been tried: here are larger and smaller ones,
and the test with the best of them.
"""

from __future__ import annotations

import recommendation_study as base
import torch
from recommendation_more_study import tested, tried

from largemodels.book.studies import Study

BEYOND = [
    {"rate": 2e-2, "width": 16},
    {"rate": 1e-2, "width": 8},
    {"rate": 2e-2, "width": 8},
]

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/recommendation_edges")
    found = [study.row(tried, method="sasrec", draw=0, mixed=True, **it) for it in BEYOND]
    areas = [it["ndcg"] for it in found]
    best = BEYOND[areas.index(max(areas))]
    for draw in range(base.DRAWS):
        study.row(tested, method="sasrec", draw=draw, mixed=True, **best)
    study.save()
