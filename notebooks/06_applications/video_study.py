"""Study of the chapter "Video": what is it worth to predict where each walker will be?

    make study NAME=06_applications/video

One thread, about a quarter of an hour. Six trackers get the same boxes, those of the study
"video_detections": with and without motion, with the nearest pair first, the best assignment by
distance or that by overlap. Each has the same four settings, of which all combinations are tried on
the frames for choosing, the first 16 of the 50 that are marked; the best IDF1 wins, then the fewest
switches, then the first tried. The other 34 frames are the test; the tracker sees the whole film up
to there. It is done for every frame of the film and for every second, fourth and eighth, as with a
camera that takes fewer.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

import largemodels as lm
from largemodels.data.film import N_FRAMES, WIDE, Walkers, walkers
from largemodels.models.tracker import Tracker, TrackerConfig
from largemodels.objectives.tracking import Followed, Frame, followed, standing

TUNED = 256  # frames from here on are for the test
GRID = {
    "noise": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "gate": (0.3, 0.45, 0.7, 1.0, 1.5),
    "patience": (6, 12, 24, 48),  # frames of the film
    "least": (0.24, 0.28, 0.32, 0.36),
}
OVERLAPS = (0.5, 0.65, 0.8, 0.9, 0.99)  # gates where near means overlap
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
    """Numbers and boxes of the people that a tracker follows, in each frame that it is shown."""
    tracker, found = Tracker(config), {}
    for at in range(0, end, every):
        boxes, scores = film[at]
        numbers, _ = tracker.step(boxes, scores)
        used = numbers > 0
        its = torch.from_numpy(boxes[used]).float()
        found[at] = torch.from_numpy(numbers[used]), standing(its, WIDE)
    return found


def judged(found: dict[int, Frame], truth: dict[int, Walkers]) -> Followed:
    """The tracks in the marked frames."""
    return followed(list(truth.values()), [found[at] for at in truth])


def settings(every: int, overlap: bool) -> list[dict[str, float]]:
    """All combinations; patience in frames that are shown."""
    grid = GRID | {"gate": OVERLAPS if overlap else GRID["gate"]}
    combinations = [
        dict(zip(grid, it, strict=True)) for it in itertools.product(*grid.values())
    ]
    for it in combinations:
        it["patience"] = max(0, round(it["patience"] / every))
    return combinations


def tune(who: str, every: int) -> dict[str, Any]:
    """The best settings on the frames for choosing."""
    film, truth = boxes_of_film(), marks(test=False)
    motion, optimal, overlap = TRACKERS[who]
    scores: dict[tuple[float, ...], tuple[float, float]] = {}
    for it in settings(every, overlap):
        if tuple(it.values()) not in scores:
            config = TrackerConfig(motion, optimal, overlap=overlap, **it)
            its = judged(tracked(film, config, every, TUNED), truth)
            scores[tuple(it.values())] = 100 * its.idf1(), -float(its.switches.sum())
    best = max(scores, key=scores.__getitem__)
    ties = sum(it == scores[best] for it in scores.values())
    found = {"validation": scores[best][0], "trials": len(scores), "ties": ties}
    return found | dict(zip(GRID, best, strict=True))


def test(who: str, every: int, **its: float) -> dict[str, Any]:
    """How the tracker does in the frames of the test, by both readings of them."""
    motion, optimal, overlap = TRACKERS[who]
    config = TrackerConfig(motion, optimal, overlap=overlap, **its)
    found = tracked(boxes_of_film(), config, every, N_FRAMES)
    done, again = (judged(found, marks(it)) for it in ("first", "second"))
    lists = ("who", "there", "found", "switches", "own")
    return {
        "idf1": 100 * done.idf1(),
        "idf1_again": 100 * again.idf1(),
        "mota": 100 * done.mota(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
    } | {name: " ".join(map(str, getattr(done, name))) for name in lists}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video")
    for every in (1, 2, 4, 8):
        for who in TRACKERS:
            best = study.row(tune, who=who, every=every)
            study.row(test, who=who, every=every, **{name: best[name] for name in GRID})
    study.save()
