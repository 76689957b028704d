"""Mean average precision against pycocotools, COCO's own program, on random detections of many pictures."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
import torch
from torch import Tensor

from largemodels.objectives.detection import COCO_OVERLAPS, detections, judged, mean_average_precision

coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")


def by_pycocotools(found: list[tuple[Tensor, ...]], truth: list[tuple[Tensor, Tensor]], n: int) -> Any:
    """Its precisions: overlaps, recalls, classes."""
    boxes: list[dict[str, Any]] = []
    for picture, (its, kinds) in enumerate(truth):
        for box, kind in zip(its.tolist(), kinds.tolist(), strict=True):
            width, height = box[2] - box[0], box[3] - box[1]
            boxes.append({"id": len(boxes) + 1, "image_id": picture, "category_id": kind, "iscrowd": 0,
                          "area": width * height, "bbox": [*box[:2], width, height]})  # fmt: skip
    said = [
        {"image_id": picture, "category_id": kind, "score": score,
         "bbox": [*box[:2], box[2] - box[0], box[3] - box[1]]}
        for picture, its in enumerate(found)
        for box, score, kind in zip(*(it.tolist() for it in its), strict=True)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco.COCO()
        known.dataset = {"images": [{"id": it} for it in range(len(truth))], "annotations": boxes,
                         "categories": [{"id": it} for it in range(n)], "info": {}}  # fmt: skip
        known.createIndex()
        judge = cocoeval.COCOeval(known, known.loadRes(said), "bbox")
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][:, :, :, 0, 2]  # all areas, 100 detections


def test_equal_to_pycocotools() -> None:
    generator = torch.Generator().manual_seed(0)
    found, truth = [], []
    for picture in range(40):
        things = picture % 5
        low = 60 * torch.rand(things, 2, generator=generator)
        boxes = torch.cat([low, low + 9 + 30 * torch.rand(things, 2, generator=generator)], 1)
        kinds = torch.randint(3, (things,), generator=generator)
        near = boxes.repeat(3, 1) + 4 * torch.rand(3 * things, 4, generator=generator)
        noise = 60 * torch.rand(2, 2, generator=generator)
        noise = torch.cat([noise, noise + 20], 1)
        scores = torch.rand(3 * things + 2, 3, generator=generator)
        found.append(detections(torch.cat([near, noise]), scores, least=0.3, most=0.6))
        truth.append((boxes, kinds))
    theirs = by_pycocotools(found, truth, 3)
    for at, least in enumerate(COCO_OVERLAPS):
        ours = mean_average_precision(judged(found, truth, 3, least))
        assert ours == pytest.approx(theirs[at].mean(), abs=1e-12)
    assert 0.05 < theirs[0].mean() < 0.9
