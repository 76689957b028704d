"""Does a shallow network only need longer for the zigzag? Five times the steps of the first study.

Networks, numbers of parameters, data and the way of choosing the learning rate are those of the
first study; at this length each depth gets its own best rate, again over two seeds that are not
reported.
"""

import networks_and_depth_study as first
import torch

from largemodels.book.studies import Study, best_inside

STEPS = 5 * first.STEPS

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth_longer")

    def tuned(depth: int, pieces: int) -> None:
        """Five seeds at the best learning rate."""
        key = {"depth": depth, "pieces": pieces, "steps": STEPS}

        def score(rate: float) -> float:
            rows = [
                study.row(first.random_start, **key, rate=rate, seed=seed)
                for seed in (100, 101)
            ]
            return sum(row["rmse"] for row in rows)

        rate = best_inside(first.RATES, first.RATES[5:8], score)
        for seed in range(5):
            study.row(first.random_start, **key, rate=rate, seed=seed)

    for depth in (1, 4, 2, 6):
        tuned(depth, pieces=16)
    for depth in (1, 4):
        tuned(depth, pieces=32)
    study.save()
