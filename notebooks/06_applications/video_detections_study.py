"""Study of the chapter "Video": where CenterNet finds people in each frame of the street film.

    make study NAME=06_applications/video_detections

One thread, about five minutes. First the frame is shown to CenterNet at seven sizes, on the frames
for choosing; then it looks at every frame at the best of them. Boxes are kept in whole pixels of
the film, people alone, as "left top right bottom score" with the score in per cent.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.data.film import N_FRAMES, SIZE, street_film, walkers
from largemodels.objectives import detection
from largemodels.pretrained.centernet import COCO, load_centernet

LEAST = 0.1  # probability below which a box is dropped here already
MOST = 0.6  # of suppression, as in the chapter "Detection"
TUNED = range(0, 256, 16)  # the frames for choosing
BLOCK = 53  # frames of a row; 15 rows
SIZES = (
    (192, 256),
    (288, 384),
    (384, 512),
    (480, 640),
    (512, 512),
    (576, 768),
    (864, 1152),
)


def people(
    model: torch.nn.Module, frame: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Boxes, in pixels of the film, and scores of the people in a frame ``(height, width, 3)``."""
    picture = frame.permute(2, 0, 1)[None].float()
    if size != SIZE:
        picture = F.interpolate(picture, size, mode="bilinear", antialias=True)
    ((boxes, scores, kinds),) = model.detections(picture, least=LEAST)
    is_person = kinds == COCO.index("person")
    boxes, scores = boxes[is_person], scores[is_person]
    stays = detection.suppressed(boxes, scores, MOST)
    up = torch.tensor([SIZE[1] / size[1], SIZE[0] / size[0]] * 2)
    return boxes[stays] * up, scores[stays]


def sized(height: int, width: int) -> dict[str, Any]:
    """Average precision on the frames for choosing, at an overlap of one half."""
    model, truth = load_centernet(), walkers()
    found, there = [], []
    for number, frame in zip(TUNED, street_film(TUNED), strict=True):
        boxes, scores = people(model, frame, (height, width))
        found.append((boxes, scores, torch.zeros(len(scores), dtype=torch.long)))
        there.append(
            (truth[number].boxes, torch.zeros(len(truth[number].who), dtype=torch.long))
        )
    its = detection.judged(found, there, 1)
    return {"precision": 100 * detection.average_precision(its[0])}


def block(start: int, height: int, width: int) -> dict[str, Any]:
    """The people in the frames of one block."""
    model = load_centernet()
    lines = []
    for frame in street_film(range(start, min(start + BLOCK, N_FRAMES))):
        boxes, scores = people(model, frame, (height, width))
        its = [
            [*box.round().int().tolist(), round(100 * p)]
            for box, p in zip(boxes, scores.tolist(), strict=True)
        ]
        lines.append(";".join(" ".join(map(str, it)) for it in its))
    return {"frames": len(lines), "boxes": "|".join(lines)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video_detections")
    precision = {
        size: study.row(sized, height=size[0], width=size[1])["precision"] for size in SIZES
    }
    size = max(precision, key=precision.__getitem__)
    for start in range(0, N_FRAMES, BLOCK):
        study.row(block, start=start, height=size[0], width=size[1])
    study.save()
