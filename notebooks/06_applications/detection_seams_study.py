"""Study of the chapter "Detection": what it sees in pasted things, cause by cause.

    make study NAME=06_applications/detection_seams

One thread, about 3 minutes. The failures' test scenes are drawn with the things' outlines filled by
a photograph or one colour, as rectangles, with blurred edges, filled with the scene's own backdrop
upside down (so that only the seam is left), or with nothing pasted at all. Then both detectors, the
windows of the mined study, are asked at equal false boxes: above the score that gives one a scene
on validation scenes.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from detection_failures_study import SCENES, changed, detector, hits, suppression, threshold
from detection_study import DRAWS, KINDS, answers, backdrops_of, drawn, plans, some
from PIL import Image, ImageFilter

import largemodels as lm
from largemodels.data import scenes
from largemodels.models.hog import HogConfig, HogDetector

MINED = "06_applications/detection_mined"
FILLS = {"red": (200, 60, 60), "grey": (128, 128, 128)}
WAYS = (
    "things", "things, blurred", "texture", "texture, blurred", "texture, rectangle",
    "red", "grey", "itself", "nothing",
)  # fmt: skip


def softened(alpha: np.ndarray, sigma: float = 3) -> np.ndarray:
    """A mask with blurred edges, inside its own rectangle."""
    wide = int(4 * sigma)
    mask = Image.fromarray((255 * np.pad(alpha, wide)).astype(np.uint8))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255
    return soft[wide:-wide, wide:-wide]


def pasted(planned: scenes.Plan, way: str, texture: np.ndarray) -> np.ndarray:
    """The picture of a scene whose things are filled, or masked, in one of these ways."""
    left, top, edge = planned.crop
    box, side = (left, top, left + edge, top + edge), (scenes.SIDE, scenes.SIDE)
    ground = Image.fromarray(planned.backdrop)
    pixels = np.asarray(ground.resize(side, Image.Resampling.BILINEAR, box=box), np.float32)
    pixels = pixels * np.array(planned.tint, np.float32)
    pixels = pixels[:, ::-1].copy() if planned.mirrored else pixels
    own = pixels[::-1].copy()  # the backdrop upside down
    for it in planned.things:
        fill = texture if way.startswith("texture") else None
        colours, alpha, left, top = scenes._pasted(it, scenes.SIDE, fill)
        part = (slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1]))
        colours = colours * it.light
        if way in FILLS:
            colours = np.full_like(colours, FILLS[way]) * it.light
        if way == "itself":
            colours = own[part]
        if way == "texture, rectangle":
            alpha = np.ones_like(alpha)
        if way.endswith("blurred"):
            alpha = softened(alpha)
        if way != "nothing":
            pixels[part] += alpha[..., None] * (colours - pixels[part])
    return pixels.clip(0, 255).round().astype(np.uint8)


def see(draw: int, way: str) -> dict[str, Any]:
    """What the YOLO finds where things are, or would be."""
    planned, texture = plans("test", draw, SCENES), backdrops_of(draw)["validation"][0]
    _, boxes, _ = scenes.tensors([scenes.draw(it) for it in planned], KINDS)
    pictures = np.stack([pasted(it, way, texture) for it in planned])
    its = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    said = answers(detector("yolo", draw), its, suppression("yolo"))
    found, there, things = hits(said, boxes, threshold("yolo", draw))
    return {
        "recall": 100 * found / things,
        "false": (there - found) / SCENES,
        "things": things,
    }


@functools.cache
def asked(who: str, draw: int) -> tuple[Any, float]:
    """A detector and its limit of suppression."""
    if who == "yolo":
        return detector(who, draw), suppression(who)
    rows, kept = lm.studies.load(MINED), lm.studies.weights(MINED, f"hog{draw}")
    config = kept.config | {"windows": tuple(map(tuple, kept.config["windows"]))}
    model = HogDetector(HogConfig(**config))
    model.load_state_dict(kept.state)
    return model.float().eval(), float(rows.most.dropna().iloc[0])


@functools.cache
def one_false(who: str, draw: int) -> float:
    """The score above which validation scenes have one false box each, of any class."""
    its = some(drawn("validation", draw), torch.arange(100))
    said = answers(asked(who, draw)[0], its[0], asked(who, draw)[1])
    scores = torch.cat([it[1] for it in said]).sort(descending=True).values
    low, high = 0, len(scores) - 1
    while high - low > 1:
        middle = (low + high) // 2
        found, there, _ = hits(said, its[1], float(scores[middle]))
        low, high = (middle, high) if there - found <= len(said) else (low, middle)
    return float(scores[low])


def equal(draw: int, who: str, how: str, much: float) -> dict[str, Any]:
    """What a detector finds at one false box a scene."""
    pictures, boxes, _ = scenes.tensors(changed(draw, how, much), KINDS)
    said = answers(asked(who, draw)[0], pictures, asked(who, draw)[1])
    found, there, things = hits(said, boxes, one_false(who, draw))
    return {
        "recall": 100 * found / things,
        "false": (there - found) / SCENES,
        "least": one_false(who, draw),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_seams")
    for draw in DRAWS:
        for way in WAYS:
            study.row(see, draw=draw, way=way)
    for draw in DRAWS:
        for who in ("yolo", "hog"):
            for how, much in (("plain", 0.0), ("covered", 0.25), ("beside", 0.5)):
                study.row(equal, draw=draw, who=who, how=how, much=much)
    study.save()
