"""Study of the chapter "Video": what is it worth to predict where each walker will be?

    make study NAME=06_applications/video

One thread, some minutes. Six trackers get the same boxes, those of the study "video_detections":
with and without motion, with the nearest pair first, the best assignment by distance or that by
overlap. Each has the same four settings with ladders of the same lengths, along which it climbs in
turn, from three starts, on the frames for choosing, the first 16 of the 50 that are marked; the
best IDF1 wins, then the fewest switches, then what was tried first. The other 34 frames are the
test; the tracker sees the film up to there. It is done for every frame of the film and for every
second and fourth, as with a camera that takes fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import largemodels as lm
from largemodels.data.film import N_FRAMES, WIDE, Walkers, walkers
from largemodels.models.tracker import Tracker, TrackerConfig
from largemodels.objectives.tracking import Followed, Frame, followed, standing

MARKED = 16  # every so many frames are marked
TUNED = 256  # frames from here on are for the test
GRID = {
    "noise": (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "gate": (0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2),
    "patience": (3, 6, 12, 24, 48, 96, 192),  # frames of the film
    "least": (0.2, 0.24, 0.28, 0.32, 0.36, 0.4),
}
OVERLAPS = (0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99)  # gates where near means overlap
STARTS = ((3, 3, 2, 2), (1, 1, 1, 1), (5, 5, 4, 3))  # places in the ladders
ROUNDS = 3  # how often each ladder is gone along
TRACKERS = {  # motion, optimal, overlap
    "nearest first": (False, False, False),
    "best assignment": (False, True, False),
    "best overlap": (False, True, True),
    "motion, nearest first": (True, False, False),
    "motion, best assignment": (True, True, False),
    "motion, best overlap": (True, True, True),
}
FAR = (690, 105)  # people at the cars, right of here with their feet above, are not marked


def boxes_of_film() -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes ``(n, 4)`` and scores ``(n,)`` of each frame, from the study of the detector."""
    rows = lm.studies.load("06_applications/video_detections").dropna(subset="start")
    lines = "|".join(rows.sort_values("start").boxes).split("|")
    frames = []
    for line in lines:
        its = np.array([it.split() for it in line.split(";")], dtype=float).reshape(-1, 5)
        its = its[(its[:, 2] < FAR[0]) | (its[:, 3] > FAR[1])]
        frames.append((its[:, :4], its[:, 4] / 100))
    assert len(frames) == N_FRAMES
    return frames


def marks(reading: str = "first", test: bool = True) -> dict[int, Walkers]:
    """The marked frames for the test, or those for choosing."""
    return {at: it for at, it in walkers(reading).items() if (at >= TUNED) == test}


def tracked(
    film: list[tuple[np.ndarray, np.ndarray]], config: TrackerConfig, every: int, end: int
) -> dict[int, Frame]:
    """Numbers and boxes of the people that a tracker follows, in the frames that are marked."""
    tracker, found = Tracker(config), {}
    for at in range(0, end, every):
        boxes, scores = film[at]
        numbers, _ = tracker.step(boxes, scores)
        if at % MARKED:
            continue
        used = numbers > 0
        its = torch.from_numpy(boxes[used]).float()
        found[at] = torch.from_numpy(numbers[used]), standing(its, WIDE)
    return found


def judged(found: dict[int, Frame], truth: dict[int, Walkers]) -> Followed:
    """The tracks in the marked frames."""
    return followed(list(truth.values()), [found[at] for at in truth])


def climb(
    grid: dict[str, tuple[float, ...]], score: Callable[..., tuple[float, float]]
) -> dict[str, Any]:
    """Each setting in turn takes the best value of its ladder, the others as they are."""
    tried: dict[tuple[int, ...], tuple[float, float]] = {}
    ends = []

    def value(places: tuple[int, ...]) -> tuple[float, float]:
        if places not in tried:
            its = {name: grid[name][it] for name, it in zip(grid, places, strict=True)}
            tried[places] = score(**its)
        return tried[places]

    for at in STARTS:
        for axis in [*range(len(grid))] * ROUNDS:
            ladder = range(len(list(grid.values())[axis]))
            at = max([at, *((*at[:axis], it, *at[axis + 1 :]) for it in ladder)], key=value)
        ends.append(at)
    best = max(ends, key=value)
    chosen = {name: grid[name][it] for name, it in zip(grid, best, strict=True)}
    return {"validation": tried[best][0], "trials": len(tried)} | chosen


def tune(who: str, every: int) -> dict[str, Any]:
    """The best settings on the frames for choosing."""
    film, truth = boxes_of_film(), marks(test=False)
    motion, optimal, overlap = TRACKERS[who]

    def score(patience: float, **its: float) -> tuple[float, float]:
        frames = max(1, round(patience / every))
        config = TrackerConfig(motion, optimal, overlap=overlap, patience=frames, **its)
        done = judged(tracked(film, config, every, TUNED), truth)
        return 100 * done.idf1(), -float(done.switches.sum())

    return climb(GRID | {"gate": OVERLAPS if overlap else GRID["gate"]}, score)


def test(who: str, every: int, patience: float, **its: float) -> dict[str, Any]:
    """How the tracker does in the frames of the test, by both readings of them."""
    motion, optimal, overlap = TRACKERS[who]
    frames = max(1, round(patience / every))
    config = TrackerConfig(motion, optimal, overlap=overlap, patience=frames, **its)
    found = tracked(boxes_of_film(), config, every, N_FRAMES)
    done, again = (judged(found, marks(it)) for it in ("first", "second"))
    lists = ("there", "found", "switches", "own")
    return {
        "idf1": 100 * done.idf1(),
        "idf1_again": 100 * again.idf1(),
        "mota": 100 * done.mota(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
        "people": " ".join(map(str, done.who)),
    } | {name: " ".join(map(str, getattr(done, name))) for name in lists}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video")
    for every in (1, 2, 4):
        for who in TRACKERS:
            best = study.row(tune, who=who, every=every)
            study.row(test, who=who, every=every, **{name: best[name] for name in GRID})
    study.save()
