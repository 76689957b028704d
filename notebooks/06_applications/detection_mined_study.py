"""Study of the chapter "Detection": sliding windows, mirrored and mined again.

    make study NAME=06_applications/detection_mined

One thread, about 8 minutes. Dalal and Triggs's recipe goes on: 1,000 training scenes of a draw are
mirrored, as those of the YOLO are, and the search for windows that the classifier mistakes is
repeated until the precision on the validation scenes falls; the best of these is kept. Margin and
limit of suppression are those of earlier studies. Both detectors are scored on the test scenes,
also as COCO does: mean over overlaps from 0.50 to 0.95.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from detection_failures_study import AGAIN, detector
from detection_study import (
    CLASSES,
    DRAWS,
    Scenes,
    answers,
    drawn,
    fit,
    joined,
    precision,
    some,
    windows,
)

import largemodels as lm
from largemodels.models.hog import HogConfig, HogDetector
from largemodels.objectives import detection

PENALTY = 1e-3  # chosen in the first study
MARGIN, LIMIT = 2, 0.4  # chosen in the rival study
N_SCENES, SEARCHES = 1_000, 3  # and their mirror images; searches at most


def mirrored(its: Scenes) -> Scenes:
    """The scenes and their mirror images."""
    side = its[0].shape[3]
    turn, shift = torch.tensor([-1.0, 1, -1, 1]), torch.tensor([side, 0, side, 0])
    boxes = [(it * turn + shift)[:, [2, 1, 0, 3]] for it in its[1]]
    return torch.cat([its[0], its[0].flip(3)]), its[1] + boxes, its[2] + its[2]


def learnt(draw: int, margin: int, n: int, searches: int) -> Iterator[HogDetector]:
    """Sliding windows after each search for mistaken windows (the same detector, going on)."""
    shapes = tuple((a + 2 * margin, b + 2 * margin) for a, b in HogConfig().windows)
    model = HogDetector(HogConfig(len(CLASSES), windows=shapes, margin=margin)).eval()
    its = mirrored(some(drawn("train", draw), torch.arange(n)))
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for search in range(searches + 1):
        new = windows(model, its, np.random.default_rng(draw), mine=search > 0)
        kept = joined(kept, new) if search else new
        fit(model, kept, PENALTY)
        if search:
            yield model


def scored(who: str, model: Any, its: Scenes, most: float) -> tuple[dict[str, float], Any]:
    """Precision of test scenes by several measures, and what was judged."""
    pictures, boxes, classes = its
    said = answers(model, pictures, most)
    truth = list(zip(boxes, classes, strict=True))
    every = [
        detection.judged(said, truth, len(CLASSES), it) for it in detection.COCO_OVERLAPS
    ]
    means = [100 * detection.mean_average_precision(it) for it in every]
    row = {who: means[0], f"{who} strict": means[5], f"{who} COCO": float(np.mean(means))}
    row |= {
        f"{who} {name}": 100 * detection.average_precision(it)
        for name, it in zip(CLASSES, every[0], strict=True)
    }
    one = [(it[0], it[1], torch.zeros_like(it[2])) for it in said]
    any_class = detection.judged(one, [(it, torch.zeros(len(it))) for it in boxes], 1)
    row[f"{who} any class"] = 100 * detection.mean_average_precision(any_class)
    return row, every[0]


def compare(draw: int) -> dict[str, Any]:
    """Train windows on a draw, keep them, and compare them with the YOLO on the test scenes."""
    drawn("train", draw)
    began, validation, best = time.process_time(), [], {}
    for model in learnt(draw, MARGIN, N_SCENES, SEARCHES):
        validation.append(round(precision(model, drawn("validation", draw), LIMIT), 2))
        if validation[-1] < max(validation):
            break
        best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    row = {"validation": validation, "seconds": time.process_time() - began, "most": LIMIT}
    study.keep(f"hog{draw}", model)
    row["trained on"] = precision(
        model, some(drawn("train", draw), torch.arange(300)), LIMIT
    )
    row["parameters"] = model.n_parameters()
    its, both = drawn("test", draw), {}
    for who, it in (("yolo", detector("yolo", draw)), ("hog", model)):
        values, both[who] = scored(who, it, its, LIMIT)
        row |= values
    rng, gains, n = np.random.default_rng(draw), [], len(its[0])
    for _ in range(AGAIN):
        often = np.bincount(rng.integers(n, size=n), minlength=n)
        values = [detection.mean_average_precision(both[it], often) for it in both]
        gains.append(100 * (values[0] - values[1]))
    return row | {"gains": [round(it, 2) for it in gains]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_mined")

    for draw in DRAWS:
        study.row(compare, draw=draw)
    study.save()
