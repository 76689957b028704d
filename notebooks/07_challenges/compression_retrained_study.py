"""The contest's ways that learn with what is left: rounded, pruned and of low rank.

    make study NAME=07_challenges/compression_retrained

One thread, about six minutes. A model learns for 2,000 steps, is cut or rounded, and learns on for
500; the large one also once for 1,500 and 1,000. What is pruned, or made of two thin factors, takes
in the end the bytes of the large model with 4 or 2 bits; its numbers have 4 bits. Rates, the range
that the grids of rounding cover, and the steps are chosen on the validation plays.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from compression_contest_study import GROUPS, LARGE, MIDDLE, STEPS, measured, trained
from compression_study import (
    RATES,
    SHRINKS,
    TRIED,
    Masked,
    edges,
    matrices,
    nats,
    taught,
)
from torch import nn
from torch.nn.utils import parametrize

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.models.compression import (
    keep_largest,
    low_rank,
    round_to_nearest,
    sparse_bytes,
    stored_bytes,
)

RATE = 0.01  # of the first steps; chosen in the contest's study
GROUP = GROUPS[LARGE]
LADDER = (0.0003125, 0.000625, *RATES)
VALUE_BITS = 4  # of a number that is left, with one grid a row


class Rounding(nn.Module):
    """A weight is rounded on the way forward; the gradient passes as if it had not been."""

    def __init__(self, bits: int, group: int, shrink: float) -> None:
        super().__init__()
        self.bits, self.group, self.shrink = bits, group, shrink

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """``(rows, cols)`` to the same shape."""
        near = round_to_nearest(weight, self.bits, self.group, (self.shrink,))
        return weight + (near - weight).detach()


def share_kept(shape: torch.Size, bits: int) -> float:
    """Share of the numbers that may stay within the bytes of a matrix of ``bits``."""
    spare = stored_bytes(shape, bits, GROUP) - sparse_bytes(shape, 0, VALUE_BITS)
    return spare * 8 / VALUE_BITS / shape.numel()


def rank_kept(shape: torch.Size, bits: int) -> int:
    """Rank of two factors within the bytes of a matrix of ``bits``."""
    rows, cols = shape
    of_grid = (16 + VALUE_BITS) / 8
    spare = stored_bytes(shape, bits, GROUP) - of_grid * rows
    return int(spare / ((rows + cols) * VALUE_BITS / 8 + of_grid))


def cut(model: lm.GPT, width: int, way: str, bits: int, shrink: float) -> None:
    """Round, prune or factor the matrices of the blocks in place, so that they can learn on."""
    for name, layer in matrices(model).items():
        if way == "rounded":
            rounding = Rounding(bits, GROUPS[width], shrink)
            parametrize.register_parametrization(layer, "weight", rounding)
        elif way == "pruned":
            mask = keep_largest(layer.weight, share_kept(layer.weight.shape, bits))
            parametrize.register_parametrization(layer, "weight", Masked(mask))
        else:
            first, second = low_rank(layer.weight, rank_kept(layer.weight.shape, bits))
            parts = nn.Sequential(
                nn.Linear(second.shape[1], len(second), bias=False),
                nn.Linear(first.shape[1], len(first), bias=False),
            )
            with torch.no_grad():
                parts[0].weight.copy_(second)
                parts[1].weight.copy_(first)
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, parts)


@torch.no_grad()
def packed(model: lm.GPT, width: int, way: str, bits: int) -> float:
    """Give what :func:`cut` has made its final numbers; its bytes."""
    size = edges(model, max(bits, 4))
    for layer in matrices(model).values():
        if way != "low rank":
            parametrize.remove_parametrizations(layer, "weight")
        weight = layer.weight
        if way == "rounded":
            size += stored_bytes(weight.shape, bits, GROUPS[width])
            continue
        weight.copy_(round_to_nearest(weight, VALUE_BITS, None, SHRINKS))  # 0 stays 0
        if way == "pruned":
            size += sparse_bytes(weight.shape, share_kept(weight.shape, bits), VALUE_BITS)
        else:
            size += stored_bytes(weight.shape, VALUE_BITS)
    return size


def learnt(
    seed: int, width: int, way: str, bits: int, further: float, shrink: float, steps: int
) -> tuple[lm.GPT, float]:
    """A model, cut before its last ``steps``, and its bytes."""
    model = copy.deepcopy(trained(width, seed, RATE, STEPS - steps))
    cut(model, width, way, bits, shrink)
    taught(model, steps, further, 1_000 + seed)
    return model, packed(model, width, way, bits)


def trial(
    width: int, way: str, bits: int, further: float, shrink: float = 0.7, steps: int = 500
) -> dict[str, float]:
    """One setting."""
    model, _ = learnt(TRIED, width, way, bits, further, shrink, steps)
    return {"validation": nats(model, "validation")}


def retrained(
    seed: int, width: int, way: str, bits: int, further: float, shrink: float = 0.7,
    steps: int = 500,
) -> dict[str, Any]:  # fmt: skip
    """One way at the chosen setting."""
    return measured(*learnt(seed, width, way, bits, further, shrink, steps))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_retrained")

    def valid(further: float, **key: Any) -> float:
        """The loss by which a setting is chosen."""
        return study.row(trial, further=further, **key)["validation"]

    chosen: dict[str, Any] = dict(shrink=0.7, steps=500)
    key: dict[str, Any] = dict(width=LARGE, way="rounded", bits=2)
    further = best_inside(LADDER, (0.00125,), partial(valid, **key, **chosen))
    for name, some in (("shrink", (0.6, 0.7, 0.8, 0.9, 1.0)), ("steps", (500, 1_000))):
        losses = {it: valid(further, **key, **(chosen | {name: it})) for it in some}
        chosen[name] = min(losses, key=losses.__getitem__)
    for seed in range(3):
        study.row(retrained, seed=seed, further=further, **key, **chosen)
    # The middle model at 3 bits learns on at the same rate, with a range of its own.
    key = dict(width=MIDDLE, way="rounded", bits=3, further=further)
    losses = {it: valid(shrink=it, **key) for it in (0.7, 0.8, 0.9, 1.0)}
    for seed in range(3):
        best = min(losses, key=losses.__getitem__)
        study.row(retrained, seed=seed, shrink=best, **key)
    for bits in (2, 4):
        for way in ("pruned", "low rank"):
            key = dict(width=LARGE, way=way, bits=bits)
            further = best_inside(LADDER, (0.01,), partial(valid, **key))
            for seed in range(3):
                study.row(retrained, seed=seed, further=further, **key)
    study.save()
