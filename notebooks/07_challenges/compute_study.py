"""How long does a step of writing take, by shape, batch and order of the matrices in memory?

    make study NAME=07_challenges/compute

One thread, about three minutes. A GPT with random weights, on whose values the time does not
depend, adds one token to each of several texts, with a KV cache of 64 tokens. A row is one turn
through all settings, so that a slow moment of the machine does not hit one setting alone; the
chapter takes the least of all turns. Seconds are those that this process got from the processor:
other processes on the same core do not lengthen them.

For several rows there are two programs: torch's linear layer, which gets a matrix as it is, and,
in the column `packed`, oneDNN's, for which each matrix is put into its order once, before the clock
starts. Operations and bytes of the matrix are the same. A single row is computed as the book's
linear layer does, both times.

Two small programs measure the machine: a product of two square matrices, and the product of a
matrix of 2^25 numbers with a vector.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.linear import linear

SHAPES = (
    *((256, 24), (384, 10), (512, 2), (512, 6), (512, 12)),
    *((768, 4), (768, 8), (1024, 2), (1024, 5), (1280, 5)),
)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
CONTEXT = 64  # tokens in the cache
TURNS = 5
SIDE, ROWS, COLUMNS = 768, 8192, 4096  # of the square matrices, and of the one that is read


def gpt(width: int, layers: int, vocab_size: int = 8192) -> lm.GPT:
    """Heads of 64 numbers; random weights."""
    sizes = {"n_layer": layers, "n_head": width // 64, "d_model": width}
    torch.manual_seed(0)
    return lm.GPT(
        lm.GPTConfig(vocab_size=vocab_size, context_length=2 * CONTEXT, **sizes)
    ).eval()


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


class Packed(nn.Module):
    """A linear layer whose matrix was reordered for so many rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int) -> None:
        super().__init__()
        self.matrix = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """``(…, d_in)`` to ``(…, d_out)``."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.matrix, self.bias, "none", [], ""
        )
        return y


def packed(model: lm.GPT, rows: int) -> lm.GPT:
    """A copy with reordered matrices, shared ones still shared; for one row, the model itself."""
    if rows == 1:
        return model
    known: dict[int, Packed] = {}

    def pack(weight: Tensor, bias: Tensor | None) -> Packed:
        return known.setdefault(id(weight), Packed(weight, bias, rows))

    # The copy shares all parameters with the model.
    new = copy.deepcopy(model, {id(it): it for it in model.parameters()})
    for module in list(new.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, pack(child.weight, child.bias))
    new.logits = pack(model.token_embedding.weight, None)  # type: ignore[method-assign]
    return new


@functools.cache
def machine() -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """The two small programs: the product of matrices, and that with a vector."""
    a, b = torch.ones(SIDE, SIDE), torch.ones(SIDE, SIDE)
    matrix, vector = torch.ones(ROWS, COLUMNS), torch.ones(1, COLUMNS)
    return lambda: a @ b, lambda: linear(vector, matrix)


@functools.cache
def models() -> dict[tuple[int, int], lm.GPT]:
    """Of all shapes."""
    return {shape: gpt(*shape) for shape in SHAPES}


@torch.no_grad()
def sweep(turn: int) -> dict[str, Any]:
    """One turn through all settings."""
    keys = [(*shape, batch) for shape in SHAPES for batch in BATCHES]
    made = models()
    return {
        "width": [key[0] for key in keys],
        "layers": [key[1] for key in keys],
        "batch": [key[2] for key in keys],
        "product": seconds(machine()[0], 6),
        "vector": seconds(machine()[1], 6),
        "times": [seconds(step(made[w, n], batch)) for w, n, batch in keys],
        "packed": [seconds(step(packed(made[w, n], batch), batch)) for w, n, batch in keys],
    }


@torch.no_grad()
def equal(rows: int) -> dict[str, float]:
    """The greatest difference that packing makes to a logit, as a share of the greatest logit."""
    model = gpt(384, 3)
    ours, theirs = step(model, rows)(), step(packed(model, rows), rows)()
    return {"difference": float((ours - theirs).abs().max() / ours.abs().max())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study(
        "07_challenges/compute",
        timed=["product", "vector", "times", "packed", "difference"],
    )
    for rows in (4, 64):
        study.row(equal, rows=rows)
    for turn in range(TURNS):
        study.row(sweep, turn=turn)
    study.save()
