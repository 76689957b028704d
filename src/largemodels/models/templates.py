"""Recognition by templates: the recording that is most alike, after one is stretched in time to fit the other.

Sakoe and Chiba, 1978, "Dynamic programming algorithm optimization for spoken word recognition"
(https://doi.org/10.1109/TASSP.1978.1163055), how words were recognised before models with hidden states. A path
through both recordings moves on by one frame in one of them, or in both; the cost of a path is the sum of the
distances of the frames it meets, and *dynamic time warping* finds the cheapest. As in their symmetric form a step in
both counts twice, so that the cost can be divided by the sum of both lengths.
"""

from __future__ import annotations

import torch
from torch import Tensor


def warping_distances(x: Tensor, templates: list[Tensor]) -> Tensor:
    """Cost of the cheapest path to each template, for a frame of both: ``(n,)``.

    Args:
        x: ``(frames, features)``.
        templates: ``(any frames, features)`` each.
    """
    n, longest = len(templates), max(len(it) for it in templates)
    costs = x.new_full((n, len(x), longest), torch.inf)
    for row, it in enumerate(templates):
        costs[row, :, : len(it)] = torch.cdist(x, it)
    # Cells of an anti-diagonal depend only on the two before it, so all of one are computed at once.
    before = x.new_full((n, len(x)), torch.inf)  # by frame of x
    before2 = before.clone()
    lengths = torch.tensor([len(it) for it in templates])
    found = x.new_full((n,), torch.inf)
    frames = torch.arange(len(x))
    for diagonal in range(len(x) + longest - 1):
        other = diagonal - frames
        inside = (other >= 0) & (other < longest)
        here = costs[:, frames, other.clamp(0, longest - 1)]
        shift = before.roll(1, dims=1)
        both = before2.roll(1, dims=1)
        shift[:, 0] = both[:, 0] = torch.inf
        now = torch.minimum(torch.minimum(before, shift) + here, both + 2 * here)
        if diagonal == 0:
            now[:, 0] = 2 * here[:, 0]
        now = now.masked_fill(~inside, torch.inf)
        ends = lengths - 1 == diagonal - (len(x) - 1)
        found[ends] = now[ends, -1]
        before, before2 = now, before
    return found / (len(x) + lengths)
