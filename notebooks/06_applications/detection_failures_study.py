"""Study of the chapter "Detection": the same test scenes with one thing about them changed.

    make study NAME=06_applications/detection_failures

One thread, about 4 minutes. The detectors that the first study kept are asked again about 80 test
scenes of each draw: as they are, with a bar over the middle of each thing or beside it, with
things of another size, with the drawn picture of small things enlarged, with things of kinds that
were never shown, with outlines that are filled with a photograph, and with the stamps, or before
the backdrops, of the training. Recall is that of boxes of
any class above the score at which the F1 of the validation scenes is highest.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from detection_study import (
    CLASSES,
    DRAWS,
    KINDS,
    answers,
    backdrops_of,
    drawn,
    plans,
    some,
    stamps_of,
)
from torch import Tensor

import largemodels as lm
from largemodels.data import scenes
from largemodels.models.hog import HogConfig, HogDetector
from largemodels.models.yolo import Yolo, YoloConfig
from largemodels.objectives import detection

STUDY = "06_applications/detection"
SCENES, AGAIN = 80, 500
UNKNOWN = ("insect", "fish", "tool", "instrument", "ball")
COVERED = (0.25, 0.5, 0.75)
SIZES = (0.1, 0.14, 0.2, 0.35, 0.6, 0.8)
Said = list[tuple[Tensor, Tensor, Tensor]]


@functools.cache
def detector(who: str, draw: int) -> Yolo | HogDetector:
    """A detector that the first study kept."""
    kept = lm.studies.weights(STUDY, f"{who}{draw}")
    config = {
        name: tuple(map(tuple, it)) if name in ("windows", "anchors") else it
        for name, it in kept.config.items()
    }
    model: Yolo | HogDetector = (
        Yolo(YoloConfig(**config)) if who == "yolo" else HogDetector(HogConfig(**config))
    )
    model.load_state_dict(kept.state)
    return model.float().eval()


@functools.cache
def suppression(who: str) -> float:
    """The overlap at which the first study suppresses."""
    rows = lm.studies.load(STUDY)
    return float(rows[(rows.who == who) & rows.test.notna()].most.iloc[0])


def hits(said: Said, truth: list[Tensor], least: float) -> tuple[int, int, int]:
    """Things found by boxes of any class above a score; boxes; things."""
    found, boxes_, things = 0, 0, 0
    for (boxes, scores, _), true in zip(said, truth, strict=True):
        boxes, scores = boxes[scores >= least], scores[scores >= least]
        boxes = boxes[detection.suppressed(boxes, scores)]
        found += int(detection.matches(boxes, true)[1].sum())
        boxes_, things = boxes_ + len(boxes), things + len(true)
    return found, boxes_, things


@functools.cache
def threshold(who: str, draw: int) -> float:
    """The score at which F1, of boxes of any class, is highest on the validation scenes."""
    its = some(drawn("validation", draw), torch.arange(100))
    said, best = answers(detector(who, draw), its[0], suppression(who)), (0.0, 0.0)
    for least in np.linspace(0.05, 0.95, 19):
        found, boxes, things = hits(said, its[1], least)
        best = max(best, (2 * found / max(1, boxes + things), float(least)))
    return best[1]


def changed(draw: int, how: str, much: float) -> list[scenes.Scene]:
    """The test scenes, changed."""
    every = [it for part in stamps_of(draw).values() for it in part]
    its = {
        "unknown": [it for it in every if it.kind in UNKNOWN],
        "known stamps": [it for it in stamps_of(draw)["train"] if it.kind in KINDS],
        "known backdrops": [it for it in stamps_of(draw)["test"] if it.kind in KINDS],
    }.get(how)
    planned = plans("train" if how == "known backdrops" else "test", draw, SCENES, its)
    if how in ("size", "enlarged"):
        planned = [it.resized(much) for it in planned]
    options: dict[str, Any] = {}
    if how in ("covered", "beside"):
        options = {"cover": much, "beside": how == "beside"}
    if how == "texture":
        options = {"texture": backdrops_of(draw)["validation"][0]}
    return [scenes.draw(it, **options) for it in planned]


def ask(who: str, draw: int, how: str, much: float) -> dict[str, Any]:
    """What a detector says to changed scenes."""
    pictures, boxes, classes = scenes.tensors(changed(draw, how, much), KINDS)
    if how == "enlarged":
        pictures = F.interpolate(pictures, scale_factor=2, mode="bilinear").clamp(0, 1)
        boxes = [2 * it for it in boxes]
    said = answers(detector(who, draw), pictures, suppression(who))
    found, there, things = hits(said, boxes, least := threshold(who, draw))
    row = {
        "recall": 100 * found / things,
        "false": (there - found) / len(said),
        "least": least,
    }
    if how in ("unknown", "texture"):
        return row | {"things": things}
    its = detection.judged(said, list(zip(boxes, classes, strict=True)), len(CLASSES))
    return row | {
        "things": things,
        "precision": 100 * detection.mean_average_precision(its),
    }


def compare(draw: int) -> dict[str, Any]:
    """The gain in mean average precision on all test scenes, with its interval over scenes."""
    pictures, boxes, classes = drawn("test", draw)
    truth, both, row = list(zip(boxes, classes, strict=True)), {}, {}
    for who in ("yolo", "hog"):
        said = answers(detector(who, draw), pictures, suppression(who))
        both[who] = detection.judged(said, truth, len(CLASSES))
        row[who] = 100 * detection.mean_average_precision(both[who])
        row |= {
            f"{who} {name}": 100 * detection.average_precision(it)
            for name, it in zip(CLASSES, both[who], strict=True)
        }
        strict = detection.judged(said, truth, len(CLASSES), 0.75)
        row[f"{who} strict"] = 100 * detection.mean_average_precision(strict)
        one = [(it[0], it[1], torch.zeros_like(it[2])) for it in said]
        any_class = detection.judged(one, [(it, torch.zeros(len(it))) for it in boxes], 1)
        row[f"{who} any class"] = 100 * detection.mean_average_precision(any_class)
    rng, gains = np.random.default_rng(draw), []
    for _ in range(AGAIN):
        often = np.bincount(rng.integers(len(truth), size=len(truth)), minlength=len(truth))
        values = [detection.mean_average_precision(both[it], often) for it in both]
        gains.append(100 * (values[0] - values[1]))
    row["gains"] = [round(it, 2) for it in gains]
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_failures")
    asked = [("plain", 0.0), *(("covered", it) for it in COVERED)]
    asked += [("beside", 0.5), *(("size", it) for it in SIZES)]
    asked += [("enlarged", 0.1), ("enlarged", 0.14), ("unknown", 0.0), ("texture", 0.0)]
    asked += [("known stamps", 0.0), ("known backdrops", 0.0)]
    for draw in DRAWS:
        study.row(compare, draw=draw)
    for draw in DRAWS:
        for how, much in asked:
            for who in ("yolo", "hog"):
                study.row(ask, who=who, draw=draw, how=how, much=much)
    study.save()
