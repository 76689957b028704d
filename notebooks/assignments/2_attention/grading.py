"""Parts of the assignment on attention: what is called, and what is marked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from tools.course.judge import Case, Part

SECONDS = 60.0


def by_hand(student: SimpleNamespace) -> dict[str, Any]:
    """The three weights that were computed on paper."""
    return {"weights": [float(weight) for weight in student.by_hand]}


def tensors(variant: int) -> dict[str, Any]:
    """Queries, keys and values of several shapes, odd ones among them."""
    generator = torch.Generator().manual_seed(100 + variant)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return {
        "queries": draw(2, 3, 5, 8),
        "keys": draw(2, 3, 7, 8),
        "values": draw(2, 3, 7, 8),
    }


def scores(
    student: SimpleNamespace, queries: Any, keys: Any, values: Any
) -> dict[str, Any]:
    """Scores of several shapes; with one leading axis, two and none."""
    q, k = queries[0], keys[0]  # (3, time, 8)
    return {
        "shape": lambda: list(student.scores(q.clone(), k.clone()).shape),
        "values": lambda: student.scores(queries.clone(), keys.clone()),
        "wide": lambda: student.scores(q.repeat(1, 1, 4), k.repeat(1, 1, 4)),
        "single": lambda: student.scores(q[0].clone(), k[0].clone()),
    }


def weights(
    student: SimpleNamespace, queries: Any, keys: Any, values: Any
) -> dict[str, Any]:
    """Weights with and without a mask, of large scores, and of a query that may look at nothing."""
    import torch

    raw = 3 * queries[0] @ keys[0].transpose(-1, -2)  # (3, 5, 7)
    levels = torch.tensor([5_000.0, 0.0, -5_000.0, 0.0, -3_000.0])[:, None]
    allowed = torch.ones(5, 7, dtype=torch.bool)
    allowed[1, 4:] = allowed[2, :3] = allowed[4, 1] = False
    nothing = allowed.clone()
    nothing[3] = False
    return {
        "free": lambda: student.weights(raw.clone(), torch.ones(5, 7, dtype=torch.bool)),
        "masked": lambda: student.weights(raw.clone(), allowed.clone()),
        "large": lambda: student.weights(
            raw + levels + 3_000 * (~allowed), allowed.clone()
        ),
        "nothing": lambda: student.weights(raw.clone(), nothing)[:, 3],
    }


def causal(student: SimpleNamespace) -> dict[str, Any]:
    """Masks of several lengths and windows; of one also whether it is boolean."""
    import torch

    def marked(*arguments: Any, **options: Any) -> Any:
        return torch.as_tensor(student.causal(*arguments, **options)) != 0

    return {
        "five": lambda: marked(5),
        "one": lambda: student.causal(1),
        "window": lambda: marked(6, window=3),
        "wide": lambda: marked(4, window=10),
    }


def attend(
    student: SimpleNamespace, queries: Any, keys: Any, values: Any
) -> dict[str, Any]:
    """Attention with one head and with several, with a mask and without.

    With a mask there are more keys than queries.
    """
    import torch

    flat = [
        it.transpose(1, 2).flatten(2) for it in (queries, keys, values)
    ]  # (2, time, 24)
    everything = torch.ones(5, 5, dtype=torch.bool)
    some = torch.arange(7) <= torch.arange(5)[:, None] + 1

    def equal() -> Any:
        return [it[:, :5].clone() for it in flat]

    return {
        "shape": lambda: list(student.attend(*equal(), 3, everything).shape),
        "one head": lambda: student.attend(*equal(), 1, everything),
        "heads": lambda: student.attend(*equal(), 3, everything),
        "masked": lambda: student.attend(*[it.clone() for it in flat], 4, some),
    }


def rotate(
    student: SimpleNamespace, queries: Any, keys: Any, values: Any
) -> dict[str, Any]:
    """Rotated vectors, and whether their products depend on distances alone."""
    import torch

    one, other = queries[0, 0, :1], keys[0, 0, :1]  # (1, 8)

    def turned(vectors: Any, positions: Any, **options: Any) -> Any:
        return student.rotate(vectors.clone(), positions, **options)

    def product(i: int, j: int) -> Any:
        return (turned(one, torch.tensor([i])) * turned(other, torch.tensor([j]))).sum()

    return {
        "values": lambda: turned(queries[0, 0], torch.arange(5)),
        "start": lambda: turned(queries[0, 0], torch.zeros(5, dtype=torch.long)),
        "norms": lambda: turned(queries, 3 * torch.arange(5)).norm(dim=-1),
        "distance": lambda: torch.stack(
            [product(9, 5) - product(4, 0), product(30, 31) - product(0, 1)]
        ),
        "base": lambda: turned(queries[0, 0], torch.arange(5), base=100.0),
    }


PARTS = [
    Part(
        "hand",
        "Part 1: weights by hand",
        ["by_hand"],
        by_hand,
        [Case("the three weights, to two digits", 3, "weights", tolerance=0.01)],
    ),
    Part(
        "scores",
        "Part 2: scores",
        ["scores"],
        scores,
        [
            Case("one score for each query and key", 1, "shape"),
            Case("scaled products, under two leading axes", 2, "values"),
            Case("the scale follows the width of the vectors", 1, "wide"),
            Case("matrices without leading axes", 1, "single"),
        ],
        tensors,
    ),
    Part(
        "weights",
        "Part 3: weights and masks",
        ["weights"],
        weights,
        [
            Case("weights of a query sum to one", 1, "free"),
            Case("what is masked gets no weight, the rest still sums to one", 2, "masked"),
            Case(
                "scores of thousands, masked ones too, do no harm",
                1,
                "large",
                tolerance=2e-3,
            ),
            Case("a query that may look at nothing gets weights of zero", 1, "nothing"),
        ],
        tensors,
    ),
    Part(
        "causal",
        "Part 4: who may look where",
        ["causal"],
        causal,
        [
            Case("each position sees itself and what came before", 2, "five"),
            Case("a boolean mask, of a single position, too", 1, "one"),
            Case("a window", 1, "window"),
            Case("a window wider than the text", 1, "wide"),
        ],
    ),
    Part(
        "attend",
        "Part 5: several heads",
        ["attend"],
        attend,
        [
            Case("the shape of the queries comes back", 1, "shape"),
            Case("one head", 1, "one head"),
            Case("three heads", 2, "heads"),
            Case("four heads with a mask, and more keys than queries", 2, "masked"),
        ],
        tensors,
        needs=["scores", "weights"],
    ),
    Part(
        "rotate",
        "Part 6: positions as rotations",
        ["rotate"],
        rotate,
        [
            Case("rotated values", 2, "values"),
            Case("position 0 changes nothing", 1, "start"),
            Case("lengths stay", 1, "norms"),
            Case("products depend on the distance alone", 1, "distance"),
            Case("another base", 1, "base"),
        ],
        tensors,
    ),
]
