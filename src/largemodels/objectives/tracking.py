"""How well a tracker keeps people apart: identity switches and MOTA, and IDF1.

Bernardin and Stiefelhagen, 2008 (https://doi.org/10.1155/2008/246309), follow the frames: a person goes on with the
track of the frame before as long as both overlap, and a switch is counted when another track takes over. Ristani et
al., 2016 (https://arxiv.org/abs/1609.01775), ask which one track a person has in the whole film: the pairs of people
and tracks are chosen so that as many boxes as possible agree. The tests compare both with the package motmetrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .detection import overlaps

Frame = tuple[Tensor, Tensor]  # numbers of people or tracks, (n,), and their boxes, (n, 4)


@dataclass(frozen=True)
class Followed:
    """What happened to each person, and what was reported."""

    who: np.ndarray  # numbers of the people
    there: np.ndarray  # frames in which each is
    found: np.ndarray  # of these, frames in which a box overlaps
    switches: np.ndarray  # how often another track took over
    own: np.ndarray  # frames in which the box is of the one track that is the person's
    reported: int  # boxes in all

    def idf1(self, often: np.ndarray | None = None) -> float:
        """Twice the boxes of the right identity over true and reported boxes.

        Args:
            often: how often each person counts, for a bootstrap; boxes that are nobody's stay as they are.
        """
        times = np.ones(len(self.who)) if often is None else often
        nobody = self.reported - self.found.sum()
        return float(2 * (times * self.own).sum() / ((times * (self.there + self.found)).sum() + nobody))

    def mota(self) -> float:
        """One minus missed people, boxes that are nobody's, and switches, all over the people in all frames."""
        wrong = self.there.sum() - 2 * self.found.sum() + self.reported + self.switches.sum()
        return float(1 - wrong / self.there.sum())


def followed(truth: Sequence[Frame], reported: Sequence[Frame], least: float = 0.5) -> Followed:
    """Compare what a tracker reported with the truth.

    Args:
        truth: of each frame the people.
        reported: of each frame the tracks.
        least: overlap from which a track may be a person.
    """
    from scipy.optimize import linear_sum_assignment  # needed here alone

    who = np.unique(np.concatenate([it.numpy() for it, _ in truth]))
    tracks = np.unique(np.concatenate([it.numpy() for it, _ in reported]))
    there, found, switches = (np.zeros(len(who), dtype=int) for _ in range(3))
    together = np.zeros((len(who), len(tracks)), dtype=int)
    last = np.full(len(who), -1)  # the track that each person had last
    for (people, true), (numbers, boxes) in zip(truth, reported, strict=True):
        rows, columns = np.searchsorted(who, people.numpy()), np.searchsorted(tracks, numbers.numpy())
        shared = (
            overlaps(true, boxes).double().numpy() if len(rows) and len(columns) else np.zeros((len(rows), 0))
        )
        there[rows] += 1
        good = shared >= least
        together[np.ix_(rows, columns)] += good if good.size else 0
        pairs: list[tuple[int, int]] = []
        taken: set[int] = set()  # tracks
        for a, it in enumerate(rows):  # goes on as before; a track, with the first of the people who had it
            here = np.flatnonzero(columns == last[it])
            if len(here) and good[a, here[0]] and last[it] not in taken:
                pairs.append((a, int(here[0])))
                taken.add(int(last[it]))
        left, free = (
            np.setdiff1d(np.arange(n), [it[side] for it in pairs]) for side, n in enumerate(shared.shape)
        )
        a, b = linear_sum_assignment(
            np.where(good, shared, -len(rows) - 1.0)[np.ix_(left, free)], maximize=True
        )
        pairs += [(x, y) for x, y in zip(left[a], free[b], strict=True) if good[x, y]]
        for a, b in pairs:
            person, track = rows[a], columns[b]
            found[person] += 1
            switches[person] += last[person] not in (-1, track)
            last[person] = track
    a, b = linear_sum_assignment(together, maximize=True)
    own = np.zeros(len(who), dtype=int)
    own[a] = together[a, b]
    return Followed(who, there, found, switches, own, sum(len(it) for it, _ in reported))


def standing(boxes: Tensor, wide: float) -> Tensor:
    """Boxes ``(n, 4)`` made ``wide`` times as wide as high around the same middle: strides do not count."""
    middle, half = boxes[:, [0, 2]].mean(1), wide * (boxes[:, 3] - boxes[:, 1]) / 2
    return torch.stack([middle - half, boxes[:, 1], middle + half, boxes[:, 3]], dim=1)
