"""Study of the chapter "Video": the older way to find people with a camera that stands still.

    make study NAME=06_applications/video_background

One thread, some minutes. What differs from the street without people is a person: the background is
the median of 100 frames, a pixel counts where its largest difference in a colour exceeds a limit,
gaps are closed by a tall rectangle, and each connected spot is a box, its area the score. Limit
and rectangle are chosen on the frames for choosing by average precision, as CenterNet's size was;
then the tracker with motion is tuned for these boxes as for CenterNet's, with the area as "least".
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from video_detections_study import BLOCK, TUNED
from video_study import FAR, GRID, N_FRAMES, TRACKERS, climb, judged, marks, tracked

import largemodels as lm
from largemodels.data.film import WIDE, street_film, walkers
from largemodels.models.tracker import TrackerConfig
from largemodels.objectives import detection
from largemodels.objectives.tracking import standing

LIMITS = (15, 22, 32, 45, 64, 90)  # of 255
CLOSINGS = (1, 3, 6, 9, 15, 25)  # height of the rectangle in pixels; a third as wide
SMALL = 60  # pixels of a spot that is left out here already
AREAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)  # in place of "least": 100 pixels and more
LARGE = 5_000  # pixels of a spot with the score 1


@cache
def empty() -> np.ndarray:
    """The street without people: the median of 100 frames."""
    frames = street_film(range(0, N_FRAMES, 8)).numpy()
    return np.median(frames, axis=0).astype(np.int16)


def spots(frame: np.ndarray, limit: int, closing: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes ``(n, 4)`` and scores ``(n,)`` of what differs from the empty street."""
    differs = np.abs(frame.astype(np.int16) - empty()).max(axis=2) > limit
    differs = ndimage.binary_opening(differs, np.ones((2, 2)))
    if closing > 1:
        differs = ndimage.binary_closing(differs, np.ones((closing, max(1, closing // 3))))
    numbers, _ = ndimage.label(differs)
    areas = np.bincount(numbers.ravel())[1:]
    found = [
        (columns.start, rows.start, columns.stop, rows.stop, area)
        for (rows, columns), area in zip(ndimage.find_objects(numbers), areas, strict=True)
        if area >= SMALL and (columns.start < FAR[0] or rows.stop > FAR[1])
    ]
    its = np.array(found, dtype=float).reshape(-1, 5)
    return its[:, :4], (its[:, 4] / LARGE).clip(max=1)


def precision(limit: int, closing: int) -> dict[str, Any]:
    """Average precision on the frames for choosing, as of CenterNet."""
    truth, found, there = walkers(), [], []
    for number, frame in zip(TUNED, street_film(TUNED), strict=True):
        boxes, scores = (
            torch.from_numpy(it) for it in spots(frame.numpy(), limit, closing)
        )
        found.append(
            (standing(boxes, WIDE), scores, torch.zeros(len(scores), dtype=torch.long))
        )
        there.append(
            (
                truth[number].boxes.double(),
                torch.zeros(len(truth[number].who), dtype=torch.long),
            )
        )
    return {
        "precision": 100 * detection.average_precision(detection.judged(found, there, 1)[0])
    }


@cache
def film(limit: int, closing: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The spots of each frame."""
    starts = range(0, N_FRAMES, BLOCK)
    blocks = (street_film(range(it, min(it + BLOCK, N_FRAMES))) for it in starts)
    return [spots(frame.numpy(), limit, closing) for its in blocks for frame in its]


def follow(who: str, limit: int, closing: int) -> dict[str, Any]:
    """A tracker tuned for these boxes, and how it does in the test."""
    its, (motion, optimal, overlap) = film(limit, closing), TRACKERS[who]

    def score(**values: Any) -> tuple[float, float]:
        config = TrackerConfig(motion, optimal, overlap=overlap, **values)
        done = judged(tracked(its, config, 1, TUNED.stop), marks(test=False))
        return 100 * done.idf1(), -float(done.switches.sum())

    best = climb(GRID | {"least": AREAS}, score)
    chosen = TrackerConfig(
        motion, optimal, overlap=overlap, **{it: best[it] for it in GRID}
    )
    done = judged(tracked(its, chosen, 1, N_FRAMES), marks())
    lists = ("there", "found", "switches", "own")
    return {
        **best,
        "idf1": 100 * done.idf1(),
        "mota": 100 * done.mota(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
        "people": " ".join(map(str, done.who)),
    } | {name: " ".join(map(str, getattr(done, name))) for name in lists}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video_background")
    tried = {
        it: study.row(precision, limit=it[0], closing=it[1])["precision"]
        for it in itertools.product(LIMITS, CLOSINGS)
    }
    limit, closing = max(tried, key=tried.__getitem__)
    study.row(follow, who="motion, best assignment", limit=limit, closing=closing)
    study.save()
