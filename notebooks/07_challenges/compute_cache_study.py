"""The same products of the same shapes, with fewer and fewer different matrices.

    make study NAME=07_challenges/compute_cache

One thread, half a minute. 96 products of a square matrix with one vector, or with 64, one after
the other. The matrices are all different (101 MB), or so many in turn, down to a single one (1
MB). Operations, calls, shapes and programs are the same; what differs is how many bytes lie
between two uses of a matrix, and so whether it comes from memory or from a cache of the
processor. Two programs compute them: the book's `linear`, as in its models, and `@`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from compute_study import seconds
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.models.linear import linear

WIDTH, PRODUCTS = 512, 96
DIFFERENT = (96, 48, 24, 12, 6, 3, 1)
VECTORS = (1, 64)
PROGRAMS = ("linear", "@")
TURNS = 10


def chain(matrices: list[Tensor], n: int, vectors: int, program: str) -> Callable[[], None]:
    """A function that multiplies ``vectors`` vectors with ``n`` different matrices in turn."""
    used = [matrices[place % n] for place in range(PRODUCTS)]
    rows = torch.ones(vectors, WIDTH)
    columns = torch.ones(WIDTH) if vectors == 1 else torch.ones(WIDTH, vectors)

    def by_linear() -> None:
        for matrix in used:
            linear(rows, matrix)

    def by_operator() -> None:
        for matrix in used:
            matrix @ columns

    return by_linear if program == "linear" else by_operator


@functools.cache
def chains() -> dict[tuple[int, int, str], Callable[[], None]]:
    """By numbers of matrices and of vectors, and by program."""
    matrices = [torch.ones(WIDTH, WIDTH) for _ in range(PRODUCTS)]
    return {
        (n, vectors, program): chain(matrices, n, vectors, program)
        for vectors in VECTORS
        for n in DIFFERENT
        for program in PROGRAMS
    }


@torch.no_grad()
def products(turn: int) -> dict[str, Any]:
    """One turn through all chains."""
    return {
        "different": [n for n, _, _ in chains()],
        "vectors": [vectors for _, vectors, _ in chains()],
        "program": [program for _, _, program in chains()],
        "times": [seconds(run, 4) for run in chains().values()],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_cache", timed=["times"])
    for turn in range(TURNS):
        study.row(products, turn=turn)
    study.save()
