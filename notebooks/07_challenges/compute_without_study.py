"""What is left of a step without its products, and at twice the batch with hardly any cache?

    make study NAME=07_challenges/compute_without

One thread, a minute and a half. Shapes, seconds and packed matrices are those of
`compute_causes`, which cannot tell some causes apart. Here each model is timed

- as it is;
- with a tensor that lies ready in place of each product with a matrix: what is left are norms,
  attention, activation functions and all calls but those of the products;
- both at twice the batch, too;
- all of it with one token in the cache in place of 64, so that at twice the batch operations
  double and bytes stay nearly the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from compute_causes_study import BATCHES, SHAPES, VOCABULARY
from compute_study import gpt, packed, seconds
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study

CACHED = (64, 1)  # tokens
TURNS = 5


class Ready(nn.Module):
    """In place of a linear layer: always the same numbers."""

    def __init__(self, result: Tensor) -> None:
        super().__init__()
        self.result = result

    def forward(self, x: Tensor) -> Tensor:
        """What lies ready, whatever ``x`` is."""
        return self.result


def without_products(width: int, layers: int, batch: int) -> lm.GPT:
    """The model with a ready tensor in place of each product with a matrix."""
    model = gpt(width, layers, VOCABULARY)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, Ready(torch.randn(batch, 1, child.out_features)))
    model.logits = Ready(torch.randn(batch, 1, VOCABULARY))  # type: ignore[method-assign]
    return model


def step(model: lm.GPT, batch: int, cached: int) -> Callable[[], Tensor]:
    """A function that adds one token to each of ``batch`` texts of ``cached`` tokens."""
    cache = model.new_cache(batch, cached + 1)
    tokens = torch.zeros(batch, 1, dtype=torch.long)

    def run() -> Tensor:
        cache.length = cached
        return model(tokens, cache=cache)

    return run


@functools.cache
@torch.no_grad()
def steps(width: int, layers: int) -> dict[str, Callable[[], Tensor]]:
    """All changes at all batches, by change, batch and tokens in the cache."""
    whole, runs = gpt(width, layers, VOCABULARY), {}
    for batch in BATCHES:
        for cached in CACHED:
            for times in (1, 2) if batch > 1 else (1,):  # one row has a program of its own
                rows = times * batch
                twice = "twice the batch, " if times == 2 else ""
                where = f"{batch}, {cached}"
                runs[f"{twice}whole, {where}"] = step(packed(whole, rows), rows, cached)
                bare = without_products(width, layers, rows)
                runs[f"{twice}no products, {where}"] = step(bare, rows, cached)
    return runs


@torch.no_grad()
def without(width: int, layers: int, turn: int) -> dict[str, Any]:
    """One turn through all changes of one shape."""
    runs = steps(width, layers)
    return {"changes": list(runs), "times": [seconds(run, 4) for run in runs.values()]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_without", timed=["times"])
    for turn in range(TURNS):
        for width, layers in SHAPES:
            study.row(without, width=width, layers=layers, turn=turn)
    study.save()
