"""The same products of the same shapes, with fewer and fewer different matrices.

    make study NAME=07_challenges/compute_cache

One thread, half a minute. 160 products of a square matrix with one vector, or with 64, one after
the other. The matrices are all different (94 MB), or so many in turn, down to a single one (0.6
MB). Operations, calls, shapes and programs are the same; what differs is how many bytes lie
between two uses of a matrix, and so whether it comes from memory or from a cache of the
processor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from compute_study import seconds
from torch import Tensor

from largemodels.book.studies import Study

WIDTH, PRODUCTS = 384, 160
DIFFERENT = (160, 80, 40, 20, 10, 5, 2, 1)
VECTORS = (1, 64)
TURNS = 10


def chain(matrices: list[Tensor], n_different: int, vectors: int) -> Callable[[], None]:
    """A function that multiplies ``vectors`` vectors with so many different matrices in turn."""
    x = torch.ones(WIDTH) if vectors == 1 else torch.ones(WIDTH, vectors)
    used = [matrices[place % n_different] for place in range(PRODUCTS)]

    def run() -> None:
        for matrix in used:
            matrix @ x

    return run


@functools.cache
def chains() -> dict[tuple[int, int], Callable[[], None]]:
    """All numbers of matrices, by how many vectors."""
    matrices = [torch.ones(WIDTH, WIDTH) for _ in range(PRODUCTS)]
    return {
        (n, vectors): chain(matrices, n, vectors) for vectors in VECTORS for n in DIFFERENT
    }


@torch.no_grad()
def products(turn: int) -> dict[str, Any]:
    """One turn through all chains."""
    return {
        "different": [n for n, _ in chains()],
        "vectors": [vectors for _, vectors in chains()],
        "times": [seconds(run, 4) for run in chains().values()],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_cache", timed=["times"])
    for turn in range(TURNS):
        study.row(products, turn=turn)
    study.save()
