"""Bytes, operations or calls? Each is changed, and the others are not.

    make study NAME=07_challenges/compute_causes

One thread, about two minutes. Seconds, turns, steps and packed matrices are those of
`compute_study`. A model of n blocks is timed

- with all blocks different;
- with each block's weights shared by the next, which halves the bytes that come from memory, as
  long as a block stays in the processor's cache, and changes neither operations nor calls;
- with half of the blocks, all different: the same bytes as in the second, half the operations and
  calls;
- with one block's weights for all;
- with as many additions of one number as there are calls;
- as it is, at twice the batch: twice the operations, the same weights and calls;
- with weights of 16 bits, and of 8, which come with programs of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from compute_study import gpt, packed, seconds, step
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.int8 import Int8GPT

SHAPES = ((256, 32), (512, 12))
BATCHES = (1, 4, 64)
TURNS = 6
VOCABULARY = 512  # small, so that the blocks are nearly all


class Calls(TorchDispatchMode):
    """Counts the operators that torch calls."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.n += 1
        return func(*args, **(kwargs or {}))


def shared(model: lm.GPT, run: int) -> lm.GPT:
    """Each ``run`` blocks in a row get the weights of their first."""
    for place, block in enumerate(model.blocks):
        first = model.blocks[place - place % run]
        for name, module in block.named_modules():
            for part in dict(module.named_parameters(recurse=False)):
                setattr(module, part, getattr(first.get_submodule(name), part))
    return model


def called_more(model: lm.GPT, times: int) -> lm.GPT:
    """After each block, so many additions of one number to one number."""
    one = torch.ones(1)

    def add(*_: object) -> None:
        for _ in range(times):
            one.add(one)

    for block in model.blocks:
        block.register_forward_hook(add)
    return model


@torch.no_grad()
def calls_of_a_block(width: int) -> int:
    """How many operators a block calls."""
    counts = []
    for layers in (1, 2):
        run = step(gpt(width, layers, VOCABULARY), 4)
        with Calls() as calls:
            run()
        counts.append(calls.n)
    return counts[1] - counts[0]


@functools.cache
@torch.no_grad()
def steps(width: int, layers: int) -> dict[str, Callable[[], Tensor]]:
    """All changes at all batches, by name."""

    def made(n: int = layers) -> lm.GPT:
        return gpt(width, n, VOCABULARY)

    whole = made()
    runs = {}
    for batch in BATCHES:
        for name, model in {
            "different": whole,
            "shared in pairs": shared(made(), 2),
            "half of the blocks": made(layers // 2),
            "one block": shared(made(), layers),
        }.items():
            runs[f"{name}, {batch}"] = step(packed(model, batch), batch)
        more = called_more(packed(made(), batch), calls_of_a_block(width))
        runs[f"twice the calls, {batch}"] = step(more, batch)
        if batch > 1:  # one row and two have different programs
            runs[f"twice the batch, {batch}"] = step(packed(whole, 2 * batch), 2 * batch)
        runs[f"16 bits, {batch}"] = step(made().bfloat16(), batch)
        runs[f"8 bits, {batch}"] = step(Int8GPT(made().bfloat16()), batch)
    return runs


@torch.no_grad()
def changed(width: int, layers: int, turn: int) -> dict[str, Any]:
    """One turn through all changes of one shape."""
    runs = steps(width, layers)
    return {"changes": list(runs), "times": [seconds(run, 5) for run in runs.values()]}


def calls(width: int) -> dict[str, int]:
    """Of a block."""
    return {"calls": calls_of_a_block(width)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_causes", timed=["times"])
    for width, _ in SHAPES:
        study.row(calls, width=width)
    for turn in range(TURNS):
        for width, layers in SHAPES:
            study.row(changed, width=width, layers=layers, turn=turn)
    study.save()
