"""Object detection: overlap of boxes, non-maximum suppression, YOLO's loss and average precision.

Boxes are left, top, right, bottom, in pixels. The loss is that of YOLO (Redmon et al., 2016,
https://arxiv.org/abs/1506.02640), with cross-entropies where that paper has squared errors, as in YOLOv3
(https://arxiv.org/abs/1804.02767), with an overlap as the loss of boxes, and three responsible cells for a thing
instead of one, which its successors have, too. Average precision is computed as COCO does (Lin et al., 2014,
https://arxiv.org/abs/1405.0312): the mean of the precision at 101 recalls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

COCO_OVERLAPS = tuple(0.5 + 0.05 * step for step in range(10))


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each box with each: ``(n, 4)`` and ``(m, 4)`` to ``(n, m)``."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    area_a, area_b = ((it[:, 2:] - it[:, :2]).prod(dim=-1) for it in (a, b))
    return shared / (area_a[:, None] + area_b - shared)


def suppressed(boxes: Tensor, scores: Tensor, most: float = 0.5) -> Tensor:
    """Non-maximum suppression: numbers of the boxes that stay, best first.

    Args:
        boxes: ``(n, 4)``.
        scores: ``(n,)``.
        most: a box that overlaps a better one more than this goes.
    """
    order = scores.argsort(descending=True, stable=True)
    shared = overlaps(boxes[order], boxes[order]) > most
    stays = torch.ones(len(order), dtype=torch.bool)
    for place in range(len(order)):
        if stays[place]:
            stays[place + 1 :] &= ~shared[place, place + 1 :]
    return order[stays]


def detections(
    boxes: Tensor,
    scores: Tensor,
    *,
    least: float = 0.05,
    most: float = 0.5,
    considered: int = 200,
    limit: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """What a detector says about one picture: suppression within each class, then the best of all classes.

    Args:
        boxes: ``(n, 4)``.
        scores: ``(n, n_classes)``.
        least: score below which a candidate is left out.
        most: see :func:`suppressed`.
        considered: how many candidates of a class, the best, go to the suppression, whose time grows with their square.
        limit: how many are kept.

    Returns:
        boxes ``(k, 4)``, scores ``(k,)`` and class numbers ``(k,)``, best first.
    """
    found = []
    for number in range(scores.shape[1]):
        best, rows = scores[:, number].topk(min(considered, len(scores)))
        rows = rows[best > least]
        rows = rows[suppressed(boxes[rows], scores[rows, number], most)]
        found.append((rows, torch.full_like(rows, number)))
    rows, classes = (torch.cat(it) for it in zip(*found, strict=True))
    order = scores[rows, classes].argsort(descending=True, stable=True)[:limit]
    rows, classes = rows[order], classes[order]
    return boxes[rows], scores[rows, classes], classes


def yolo_targets(
    boxes: Sequence[Tensor],
    classes: Sequence[Tensor],
    anchors: Sequence[tuple[float, float]],
    stride: int,
    grid: tuple[int, int],
) -> tuple[Tensor, Tensor, Tensor]:
    """Who is responsible for what: three cells for each thing, and of their anchors the one most like its box.

    The cells are the one with the box's centre and the two that are nearest to it, beside and above or below.

    Args:
        boxes: of each picture, ``(things, 4)``.
        classes: of each picture, ``(things,)``.
        anchors: widths and heights in pixels.
        stride: pixels a side of a cell.
        grid: rows and columns.

    Returns:
        places ``(n, 4)``: picture, anchor, row, column; the box of each ``(n, 4)``; its class ``(n,)``. Where two
        things fall to one place, it is responsible for the smaller one.
    """
    number = torch.cat([torch.full((len(it),), at) for at, it in enumerate(boxes)])
    box, kind = torch.cat(list(boxes)), torch.cat(list(classes))
    size = box[:, 2:] - box[:, :2]
    order = size.prod(dim=1).argsort(descending=True, stable=True)
    number, box, kind, size = number[order], box[order], kind[order], size[order]
    shapes = box.new_tensor(anchors)
    zero = torch.zeros_like
    alike = overlaps(torch.cat([zero(size), size], 1), torch.cat([zero(shapes), shapes], 1))
    centre = (box[:, :2] + box[:, 2:]) / 2 / stride
    cell = centre.floor()
    beside = torch.where(centre - cell > 0.5, 1.0, -1.0)
    right = torch.stack([beside[:, 0], zero(beside[:, 0])], dim=1)
    cells = torch.stack([cell + right, cell + (beside - right), cell], dim=1).long()  # (things, 3, 2)
    what = torch.stack([number, alike.argmax(dim=1)], dim=1)[:, None].expand(-1, 3, -1)
    places = torch.cat([what, cells.flip(2)], dim=2).transpose(0, 1).flatten(0, 1)
    inside = (places[:, 2:] >= 0).all(1) & (places[:, 2] < grid[0]) & (places[:, 3] < grid[1])
    last = {tuple(place): row for row, place in enumerate(places.tolist()) if inside[row]}
    rows = torch.tensor(sorted(last.values()), dtype=torch.long)
    things = rows % max(1, len(box))
    return places[rows], box[things], kind[things]


def missed_overlap(boxes: Tensor, aims: Tensor) -> Tensor:
    """One minus the generalised intersection over union of each box with its aim, both ``(n, 4)``, to ``(n,)``.

    Rezatofighi et al., 2019 (https://arxiv.org/abs/1902.09630): the overlap, minus the share of the smallest box around
    both that neither covers, so that there is a slope where they do not touch. From 0 to 2.
    """
    low, high = torch.maximum(boxes[:, :2], aims[:, :2]), torch.minimum(boxes[:, 2:], aims[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    both = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (aims[:, 2:] - aims[:, :2]).prod(dim=1) - shared
    low, high = torch.minimum(boxes[:, :2], aims[:, :2]), torch.maximum(boxes[:, 2:], aims[:, 2:])
    around = (high - low).prod(dim=1)
    return 1 - shared / both + (around - both) / around


def squared_errors(boxes: Tensor, aims: Tensor, stride: float = 8.0) -> Tensor:
    """YOLO's box loss: squared errors of the centre, in cells, and of the roots of width and height, ``(n,)``.

    The paper measures sizes in pictures, which are 7 cells wide there; here all is measured in cells.
    """
    errors = ((boxes[:, :2] + boxes[:, 2:]) - (aims[:, :2] + aims[:, 2:])) / 2 / stride
    roots = [((it[:, 2:] - it[:, :2]) / stride).clamp(min=0).sqrt() for it in (boxes, aims)]
    return errors.square().sum(dim=1) + (roots[0] - roots[1]).square().sum(dim=1)


def yolo_loss(
    raw: Tensor,
    boxes: Tensor,
    targets: tuple[Tensor, Tensor, Tensor],
    *,
    box_loss: Callable[[Tensor, Tensor], Tensor] = missed_overlap,
    weight_box: float = 2.0,
    weight_empty: float = 0.5,
) -> Tensor:
    """YOLO's loss, a sum over the cells, averaged over the pictures.

    Args:
        raw: output of the network, ``(batch, anchors, rows, columns, 5 + n_classes)``.
        boxes: the same as boxes, ``(batch, anchors, rows, columns, 4)``.
        targets: from :func:`yolo_targets`.
        box_loss: of the responsible cells' boxes; the paper's is :func:`squared_errors`.
        weight_box: of that.
        weight_empty: of the objectness of all cells that are not responsible; 0.5 in the paper.
    """
    places, aims, classes = targets
    at = tuple(places.T)
    box = box_loss(boxes[at], aims).sum()
    truth = torch.zeros_like(raw[..., 4])
    truth[at] = 1.0
    weight = truth + weight_empty * (1 - truth)
    there = F.binary_cross_entropy_with_logits(raw[..., 4], truth, weight, reduction="sum")
    kind = F.cross_entropy(raw[at][:, 5:], classes, reduction="sum")
    return (weight_box * box + there + kind) / len(raw)


def matches(boxes: Tensor, truth: Tensor, least: float = 0.5) -> tuple[Tensor, Tensor]:
    """Which detections of one picture and class are right: each, best first, takes the free true box it overlaps most.

    Args:
        boxes: detections, best first, ``(n, 4)``.
        truth: true boxes, ``(m, 4)``.
        least: overlap that is needed.

    Returns:
        right, bool ``(n,)``, and found, bool ``(m,)``.
    """
    right, free = torch.zeros(len(boxes), dtype=torch.bool), torch.ones(len(truth), dtype=torch.bool)
    shared = overlaps(boxes, truth)
    for row in range(len(boxes) if len(truth) else 0):
        best = int(torch.where(free, shared[row], -1.0).argmax())
        if free[best] and shared[row, best] >= min(least, 1 - 1e-10):
            right[row], free[best] = True, False
    return right, ~free


@dataclass(frozen=True)
class Judged:
    """All detections of one class, best first, and whether each is right."""

    scores: np.ndarray  # (n,)
    right: np.ndarray  # bool (n,)
    pictures: np.ndarray  # (n,), the number of each detection's picture
    totals: np.ndarray  # true boxes in each picture


def judged(
    found: Sequence[tuple[Tensor, Tensor, Tensor]],
    truth: Sequence[tuple[Tensor, Tensor]],
    n_classes: int,
    least: float = 0.5,
) -> list[Judged]:
    """Compare detections with the truth, class by class.

    Args:
        found: of each picture boxes, scores and classes, from :func:`detections`.
        truth: of each picture boxes and classes.
        n_classes: how many there are.
        least: overlap that makes a detection right.
    """
    every = []
    for number in range(n_classes):
        scores, right, pictures, totals = [], [], [], []
        for at, ((boxes, score, kind), (true, its)) in enumerate(zip(found, truth, strict=True)):
            said, there = kind == number, its == number
            scores.append(score[said].numpy())
            right.append(matches(boxes[said], true[there], least)[0].numpy())
            pictures.append(np.full(int(said.sum()), at))
            totals.append(int(there.sum()))
        all_scores = np.concatenate(scores)
        order = np.argsort(-all_scores, kind="mergesort")
        every.append(
            Judged(
                all_scores[order],
                np.concatenate(right)[order],
                np.concatenate(pictures)[order],
                np.array(totals),
            )
        )
    return every


def average_precision(its: Judged, weights: np.ndarray | None = None) -> float:
    """Area under precision against recall, as COCO computes it; NaN without a true box.

    Args:
        its: the detections of one class.
        weights: how often each picture counts, whole numbers, for a bootstrap.
    """
    often = np.ones(len(its.totals)) if weights is None else np.asarray(weights, float)
    total, each = (often * its.totals).sum(), often[its.pictures]
    if not total:
        return float("nan")
    true = np.cumsum(each * its.right)
    recall, precision = true / total, true / np.maximum(np.cumsum(each), 1e-9)
    precision = np.maximum.accumulate(precision[::-1])[::-1]  # the best at this recall or a higher one
    place = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[place].mean())


def mean_average_precision(its: Sequence[Judged], weights: np.ndarray | None = None) -> float:
    """Mean of :func:`average_precision` over the classes that have a true box."""
    return float(np.nanmean([average_precision(one, weights) for one in its]))
