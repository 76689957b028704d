"""Study of the chapter "Detection": CenterNet on things whose name it knows, before photographs.

    make study NAME=06_applications/detection_centernet

One thread, about a minute. Every other stamp whose name is one of COCO's 80 classes is pasted alone
into the middle of a backdrop: large, small, and small with the whole picture enlarged. The verdict
is "right" if one box that overlaps the thing by half or more has its name, "other name" if such a
box has another one, "missed" if there is no such box.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

import largemodels as lm
from largemodels.data import scenes, stamps
from largemodels.objectives import detection
from largemodels.pretrained.centernet import find_things, load_centernet

# The stamps whose name is one of COCO's classes, besides birds and balls.
COCO_NAMES = {
    "cow": ("cow", "cow_white"),
    "sheep": ("sheep", "sheep_lamb", "ram"),
    "bear": ("bear", "european-bear"),
    "elephant": ("elephant",),
    "zebra": ("zebra",),
    "giraffe": ("giraffe",),
    "horse": ("horse",),
    "dog": ("dog",),
    "banana": ("banana",),
    "apple": (
        "apple_fuji", "apple_granny_smith", "apple_green", "apple_red", "apple_sierra_beauty"
    ),
    "orange": ("orange", "orange_seville", "mandarine"),
    "broccoli": ("broccoli",),
    "carrot": ("carrot",),
    "car": ("beetle", "sedan", "sportscar2"),
    "truck": ("truck", "garbagetruck", "firetruck"),
    "bus": ("green_korean_bus",),
    "airplane": ("747", "f22_raptor"),
    "boat": ("chineseJunk", "walnutBoat"),
    "cup": ("mug",),
    "scissors": ("scissors_small_closed", "scissors_small_open"),
}  # fmt: skip


def named() -> list[tuple[stamps.Stamp, str]]:
    """Every other stamp that CenterNet has a name for, and the name."""
    found = []
    for it in stamps.stamps():
        name = {"bird": "bird", "ball": "sports ball"}.get(it.kind)
        name = next((key for key, its in COCO_NAMES.items() if it.name in its), name)
        found += [(it, name)] if name else []
    return found[::2]


def centernet(size: float, side: int) -> dict[str, Any]:
    """CenterNet on each of these stamps, alone before a photograph."""
    model, grounds = load_centernet(), scenes.backdrops(0)
    every = [it for part in grounds.values() for it in part]
    rng, said = np.random.default_rng(0), {"right": 0, "other name": 0, "missed": 0}
    names, others = [], 0
    for stamp, name in named():
        planned = scenes.plan([[stamp]], every, rng, most=1).resized(size)
        place = scenes.Placed(stamp, 0.5, 0.5, size, False, 1.0)
        scene = scenes.draw(replace(planned, things=(place,)), 512)
        picture = torch.from_numpy(scene.picture).permute(2, 0, 1).float() / 255
        found = find_things(model, picture, side=side)
        boxes = torch.tensor([box for _, _, box in found]).view(-1, 4)
        good = detection.overlaps(boxes, torch.from_numpy(scene.boxes))[:, 0] >= 0.5
        its = [it for (it, _, _), fits in zip(found, good.tolist(), strict=True) if fits]
        verdict = "right" if name in its else "other name" if its else "missed"
        said[verdict] += 1
        others += int((~good).sum())
        names.append(f"{stamp.name}: {its[0] if its else '-'}")
    return said | {"things": len(names), "elsewhere": others, "said": "; ".join(names)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_centernet")
    for size, side in ((0.5, 512), (0.15, 512), (0.15, 1024)):
        study.row(centernet, size=size, side=side)
    study.save()
