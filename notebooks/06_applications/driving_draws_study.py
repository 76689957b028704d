"""Study of the chapter "Driving by imitation": the same learners after more draws of what is shown.

    make study NAME=06_applications/driving_draws

One thread, about six minutes. Two draws turned out to differ as much as the ways of showing do, so
that draws are the unit that counts. The settings are those that the study "driving" has chosen.
"""

from __future__ import annotations

import torch
from driving_study import drives

from largemodels.book.studies import Study

CHOSEN = {
    "trees": {"rate": 0.05, "size": 60, "dropout": 0.0},
    "Transformer": {"rate": 3e-3, "size": 800, "dropout": 0.0},
}
CASES = {  # first and last draw, by what nearness costs the expert and how its answers are shown
    (1.0, "shown"): (2, 5),
    (1.0, "own"): (2, 5),
    (1.0, "starts"): (2, 5),
    (0.0, "shown"): (1, 5),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/driving_draws")
    for draw in range(1, 6):
        for (near, how), (first, last) in CASES.items():
            if first <= draw <= last:
                for learner, its in CHOSEN.items():
                    study.row(drives, near=near, learner=learner, how=how, draw=draw, **its)
    study.save()
