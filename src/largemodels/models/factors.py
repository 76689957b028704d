"""Matrix factorisation of choices without ratings, by alternating least squares (iALS).

Hu, Koren and Volinsky, 2008, "Collaborative filtering for implicit feedback datasets"
(https://doi.org/10.1109/ICDM.2008.22), in the form of Rendle et al., 2022, "Revisiting the performance of iALS on item
recommendation benchmarks" (https://arxiv.org/abs/2110.14037). Each person and each item has a vector; the sum

    Σ over seen (1 - u·v)²  +  unseen Σ over all pairs (u·v)²  +  penalty (‖U‖² + ‖V‖²)

is quadratic in the people's vectors while the items' are fixed, and the other way round, so each half is solved
exactly in turn. What differs from Rendle et al.: the penalty does not depend on how often an item was chosen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import at_least


def factorise(
    seen: Tensor, d_model: int, *, penalty: float, unseen: float, rounds: int = 10, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Vectors of people and items whose products are near 1 where a person has chosen an item, and near 0 elsewhere.

    Args:
        seen: ``(people, items)``, 1 where a person has chosen an item, otherwise 0.
        d_model: width of the vectors.
        penalty: on the squared vectors, above 0.
        unseen: weight of a pair whether it was seen or not; a seen pair weighs 1 more.
        rounds: how often both halves are solved.
        seed: of the first vectors of the items.

    Returns:
        ``(people, d_model)`` and ``(items, d_model)``, in double precision. People are solved last.

    Raises:
        ValueError: if a number is out of range.
    """
    at_least(1, d_model=d_model, rounds=rounds)
    if penalty <= 0 or unseen < 0:
        raise ValueError(f"penalty must be positive and unseen not negative, not {penalty} and {unseen}.")
    draw = torch.Generator().manual_seed(seed)
    items = 0.1 * torch.randn(seen.shape[1], d_model, dtype=torch.float64, generator=draw)
    people = items[:0]
    for _ in range(rounds):
        people = solved(seen, items, penalty=penalty, unseen=unseen)
        items = solved(seen.T, people, penalty=penalty, unseen=unseen)
    return solved(seen, items, penalty=penalty, unseen=unseen), items


def solved(seen: Tensor, others: Tensor, *, penalty: float, unseen: float) -> Tensor:
    """The best vectors of one side, given those of the other: of people whom the items have never met, too.

    Args:
        seen: ``(rows, columns)``, 1 or 0.
        others: ``(columns, d_model)``.
        penalty: as for :func:`factorise`.
        unseen: as for :func:`factorise`.

    Returns:
        ``(rows, d_model)``.
    """
    base = unseen * others.T @ others + penalty * torch.eye(others.shape[1], dtype=others.dtype)
    chosen = [others[row.bool()] for row in seen]
    left = torch.stack([base + its.T @ its for its in chosen])
    right = torch.stack([its.sum(dim=0) for its in chosen])
    return torch.linalg.solve(left, right)
