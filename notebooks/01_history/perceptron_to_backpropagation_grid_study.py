"""Second study of the chapter "From the perceptron to backpropagation": were the grids wide enough?

    make study NAME=01_history/perceptron_to_backpropagation_grid

One thread, about four minutes. In some folds of the first study the best setting lay at the border
of its grid. Here the grids of the hidden layers reach further on both sides; all else is the same.
"""

from __future__ import annotations

from typing import Any

import perceptron_to_backpropagation_study as first
import torch

import largemodels as lm

WIDER = {
    "learnt": ((1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7), (0.25, 0.5, 1, 2, 4, 8)),
    "frozen": ((1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7), (0.25, 0.5, 1, 2, 4, 8, 16)),
}


def compare(question: str, method: str, d_hidden: int, seed: int) -> dict[str, Any]:
    """A row of the first study, with the wider grid."""
    first.GRIDS[method] = WIDER[method]
    return first.compare(question, method, d_hidden, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/perceptron_to_backpropagation_grid")
    for seed in (0, 1):
        for method, d_hidden in (
            ("learnt", 8),
            ("learnt", 32),
            ("frozen", 32),
            ("frozen", 2_048),
        ):
            study.row(compare, question="odd", method=method, d_hidden=d_hidden, seed=seed)
    study.save()
