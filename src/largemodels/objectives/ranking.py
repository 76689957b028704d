"""How well a ranking of all items does, when one item is the right one.

Recall at k is 1 if it is among the first k. NDCG at k (normalised discounted cumulative gain; Järvelin and Kekäläinen,
2002, https://doi.org/10.1145/582415.582418) is then 1 / log2(1 + rank), otherwise 0. Items of equal score share their
places: both measures are the mean over all orders of the tied items, so that the order in which they are stored is of
no account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def places(scores: Tensor, right: Tensor, hidden: Iterable[Sequence[int] | Tensor] = ()) -> Tensor:
    """Where the right item stands.

    Args:
        scores: ``(people, items)``.
        right: ``(people,)``, the right item of each.
        hidden: items of each person that may not be recommended, such as those they have seen; none: leave it out.

    Returns:
        ``(people, 2)``: how many items have a higher score, and how many the same, the right one among them.

    Raises:
        ValueError: if a right item is hidden.
    """
    scores = scores.clone()
    for row, items in enumerate(hidden):
        if int(right[row]) in items:
            raise ValueError(f"The right item of row {row} is hidden.")
        scores[row, torch.as_tensor(items, dtype=torch.long)] = -torch.inf
    its = scores.gather(1, right[:, None])
    return torch.stack([(scores > its).sum(dim=1), (scores == its).sum(dim=1)], dim=1)


def recall(places: Tensor, k: int) -> Tensor:
    """Recall at k of each row of :func:`places`, in double precision."""
    above, tied = places.double().unbind(1)
    return ((k - above) / tied).clamp(0, 1)


def ndcg(places: Tensor, k: int) -> Tensor:
    """NDCG at k of each row of :func:`places`, in double precision."""
    gains = 1 / torch.arange(2, k + 2, dtype=torch.float64).log2()
    total = torch.cat([gains.new_zeros(1), gains.cumsum(0)])  # of the first 0, 1, … k places
    above, tied = places.unbind(1)
    return (total[(above + tied).clamp(max=k)] - total[above.clamp(max=k)]) / tied
