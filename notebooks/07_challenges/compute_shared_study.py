"""One block for all, with much in the cache of texts and with little; 8 bits on both sides.

    make study NAME=07_challenges/compute_shared

One thread, under a minute. Shapes, seconds, steps and packed matrices are those of
`compute_causes` and `compute_without`. All blocks of a model share one block's weights, which
then stay in the processor's cache, unless the keys and values of many texts push them out. So
models with different blocks and with one are timed next to each other,

- for 1 and for 64 texts, with 64 tokens in each cache and with one;
- for one text with 8-bit weights, too: different blocks, and one on both sides, so that the gain
  cannot be fewer bytes from memory.

The last rows are of `compute_cache`: its products with 64 vectors, by the program that computes
64 texts in the models, oneDNN's with a reordered matrix.

In each turn the sides of a comparison follow each other several times, there and back, so that a
slow moment of the machine hits all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from compute_cache_study import DIFFERENT, PRODUCTS, WIDTH
from compute_causes_study import SHAPES, VOCABULARY, shared
from compute_study import Packed, gpt, packed, seconds
from compute_without_study import CACHED, step
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.int8 import Int8GPT, Int8Linear

ROUNDS = {1: 6, 64: 2}  # of a turn, by number of texts; these are the batches
TURNS = 6


def shared_eight_bits(model: lm.GPT) -> lm.GPT:
    """All blocks get the 8-bit matrices of the first."""
    first = model.blocks[0]
    for block in model.blocks[1:]:
        for name, module in first.named_modules():
            if isinstance(module, Int8Linear):
                parent, _, own = name.rpartition(".")
                setattr(block.get_submodule(parent), own, module)
    return model


@functools.cache
@torch.no_grad()
def steps(width: int, layers: int) -> dict[str, Callable[[], Tensor]]:
    """All models, by name, texts and tokens in the cache."""

    def made() -> lm.GPT:
        return gpt(width, layers, VOCABULARY)

    sides, runs = {"different": made(), "one block": shared(made(), layers)}, {}
    for batch in ROUNDS:
        for cached in CACHED:
            for name, model in sides.items():
                run = step(packed(model, batch), batch, cached)
                runs[f"{name}, {batch}, {cached}"] = run
    eight = Int8GPT(made().bfloat16())
    runs["8 bits, different, 1, 64"] = step(eight, 1, 64)
    eight = shared_eight_bits(Int8GPT(made().bfloat16()))
    runs["8 bits, one block, 1, 64"] = step(eight, 1, 64)
    return runs


def least(runs: dict[Any, Callable[[], object]], rounds: int) -> dict[Any, float]:
    """The least seconds of each run; rounds go alternately there and back."""
    found = dict.fromkeys(runs, float("inf"))
    for turned in range(rounds):
        for it in list(runs)[:: -1 if turned % 2 else 1]:
            found[it] = min(found[it], seconds(runs[it]))
    return found


@torch.no_grad()
def one_block(width: int, layers: int, turn: int) -> dict[str, Any]:
    """One turn through all models of one shape."""
    runs, found = steps(width, layers), {}
    for batch, rounds in ROUNDS.items():
        few = {name: run for name, run in runs.items() if f", {batch}, " in name}
        found |= least(few, rounds)
    return {"changes": list(runs), "times": [found[name] for name in runs]}


@functools.cache
@torch.no_grad()
def chains() -> dict[int, Callable[[], None]]:
    """Products with 64 vectors, by the number of different matrices."""
    vectors = torch.ones(64, 1, WIDTH)
    layers = [Packed(torch.ones(WIDTH, WIDTH), None, 64) for _ in range(PRODUCTS)]

    def chain(n: int) -> Callable[[], None]:
        used = [layers[place % n] for place in range(PRODUCTS)]

        def run() -> None:
            for layer in used:
                layer(vectors)

        return run

    return {n: chain(n) for n in DIFFERENT}


@torch.no_grad()
def products(turn: int) -> dict[str, Any]:
    """One turn through all numbers of different matrices."""
    found = least(chains(), ROUNDS[64])
    return {"different": list(found), "times": list(found.values())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_shared", timed=["times"])
    for turn in range(TURNS):
        for width, layers in SHAPES:
            study.row(one_block, width=width, layers=layers, turn=turn)
    for turn in range(TURNS):
        study.row(products, turn=turn)
    study.save()
