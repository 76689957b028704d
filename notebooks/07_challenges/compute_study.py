"""How long a step of writing takes: 8 models, 7 batches, and three causes taken away or doubled.

    make study NAME=07_challenges/compute

One thread, about two minutes. A GPT with random weights (the time does not depend on their values) adds one
token to each of several texts, with a KV cache. A row is one turn through all settings, so that a slow moment
of the machine does not hit one setting alone; the chapter takes the least of all turns. Seconds are those of
the processor that this process got, which other processes on the same core do not lengthen.

`sweep` times models of eight shapes at seven batches, and the two small programs that measure the machine.
`changed` times one model as it is, with half the bytes (each block shares its weights with the next), with
twice the operations, with twice the calls (as many additions of a number as there were calls), and with
weights of 16 and 8 bits.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.int8 import Int8GPT

SHAPES = ((256, 24), (384, 10), (512, 6), (512, 12), (768, 4), (768, 8), (1024, 2), (1024, 5))
BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXT = 64  # tokens in the cache
TURNS = 10
WIDTH, LAYERS = 256, 32  # of the model whose causes are changed: one block is 3 MB
MATRIX, NUMBERS = 768, 2**25  # the two small programs: a product of matrices, a sum


class Calls(TorchDispatchMode):
    """Counts the operators that torch calls."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += 1
        return func(*args, **(kwargs or {}))


def gpt(width: int, layers: int, vocab_size: int = 8192) -> lm.GPT:
    """Heads of 64 numbers; random weights."""
    config = lm.GPTConfig(
        vocab_size=vocab_size,
        context_length=2 * CONTEXT,
        n_layer=layers,
        n_head=width // 64,
        d_model=width,
    )
    torch.manual_seed(0)
    return lm.GPT(config).eval()


def step(model: lm.GPT, batch: int) -> Callable[[], Tensor]:
    """A function that adds one token to each of ``batch`` texts of ``CONTEXT`` tokens."""
    cache = model.new_cache(batch, CONTEXT + 1)
    tokens = torch.zeros(batch, 1, dtype=torch.long)

    def run() -> Tensor:
        cache.length = CONTEXT
        return model(tokens, cache=cache)

    return run


def seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """The least processor time of a few runs, the first of which only warms up."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found[1:])


@functools.cache
def programs() -> dict[str, Callable[[], object]]:
    """The two small programs."""
    a, b, many = torch.ones(MATRIX, MATRIX), torch.ones(MATRIX, MATRIX), torch.ones(NUMBERS)
    return {"product": lambda: a @ b, "sum": many.sum}


@functools.cache
def steps() -> dict[tuple[int, int, int], Callable[[], Tensor]]:
    """All settings of the sweep."""
    models = {shape: gpt(*shape) for shape in SHAPES}
    return {(*shape, batch): step(models[shape], batch) for shape in SHAPES for batch in BATCHES}


@torch.no_grad()
def sweep(turn: int) -> dict[str, Any]:
    """One turn through all settings."""
    return {
        "width": [key[0] for key in steps()],
        "layers": [key[1] for key in steps()],
        "batch": [key[2] for key in steps()],
        "product": seconds(programs()["product"], 6),
        "sum": seconds(programs()["sum"]),
        "times": [seconds(run) for run in steps().values()],
    }


def shared(model: lm.GPT) -> lm.GPT:
    """Every second block gets the weights of the one before it."""
    for first, second in zip(model.blocks[::2], model.blocks[1::2], strict=True):
        for name, module in second.named_modules():
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


@functools.cache
@torch.no_grad()
def changes() -> tuple[dict[tuple[str, int], Callable[[], Tensor]], int]:
    """The model as it is and changed, and how many calls a block makes."""
    base, small = gpt(WIDTH, LAYERS, 512), gpt(WIDTH, LAYERS // 2, 512)
    counts = []
    for model in (base, small):
        with Calls() as calls:
            step(model, 2)()
        counts.append(calls.n)
    per_block = (counts[0] - counts[1]) // (LAYERS - LAYERS // 2)
    models = {
        "as it is": base,
        "half the bytes": shared(gpt(WIDTH, LAYERS, 512)),
        "twice the calls": called_more(gpt(WIDTH, LAYERS, 512), per_block),
        "16 bits": gpt(WIDTH, LAYERS, 512).bfloat16(),
        "8 bits": Int8GPT(gpt(WIDTH, LAYERS, 512).bfloat16()),
    }
    runs = {(name, batch): step(model, batch) for batch in (2, 64) for name, model in models.items()}
    runs |= {("twice the operations", batch): step(base, 2 * batch) for batch in (2, 64)}
    return runs, per_block


@torch.no_grad()
def changed(change: int) -> dict[str, Any]:
    """One turn through the changes, at a small and a large batch."""
    runs, per_block = changes()
    return {
        "changes": [f"{name}, {batch}" for name, batch in runs],
        "calls_of_a_block": per_block,
        "changed_times": [seconds(run, 5) for run in runs.values()],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute", timed=["product", "sum", "times", "changed_times"])
    for turn in range(TURNS):
        study.row(sweep, turn=turn)
    for turn in range(TURNS):
        study.row(changed, change=turn)
    study.save()
