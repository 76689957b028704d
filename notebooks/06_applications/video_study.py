"""Study of the chapter "Video": what is it worth to predict where each walker will be?

    make study NAME=06_applications/video

One thread, some minutes. Four trackers get the same boxes, those of the study "video_detections":
with and without motion, with the best assignment or the nearest pair first. Each has the same four
settings, of which all combinations are tried on the frames for choosing, the first 16 of the 50
that are marked; the best IDF1 wins, then the fewest switches, then the first tried. The others, 34
frames, are the test; the tracker sees the whole film up to there. It is done for every frame of the
film and for every second, fourth and eighth, as with a camera that takes fewer.
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
    "noise": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "gate": (0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2),
    "patience": (3, 6, 12, 24, 48),  # frames of the film
    "least": (0.24, 0.28, 0.32, 0.36, 0.4, 0.44),
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


def settings(every: int) -> list[dict[str, float]]:
    """All combinations; patience in frames that are shown."""
    every_one = [
        dict(zip(GRID, it, strict=True)) for it in itertools.product(*GRID.values())
    ]
    for it in every_one:
        it["patience"] = max(0, round(it["patience"] / every))
    return every_one


def tune(motion: bool, optimal: bool, every: int) -> dict[str, Any]:
    """The best settings on the frames for choosing."""
    film, truth = boxes_of_film(), marks(test=False)
    best: tuple[tuple[float, float], dict[str, float]] | None = None
    seen: dict[tuple[float, ...], tuple[float, float]] = {}
    for it in settings(every):
        if tuple(it.values()) in seen:
            continue
        config = TrackerConfig(motion=motion, optimal=optimal, **it)
        its = judged(tracked(film, config, every, TUNED), truth)
        score = (100 * its.idf1(), -float(its.switches.sum()))
        seen[tuple(it.values())] = score
        if best is None or score > best[0]:
            best = score, it
    assert best is not None
    ties = sum(it == best[0] for it in seen.values())
    return {"validation": best[0][0], "trials": len(seen), "ties": ties, **best[1]}


def test(motion: bool, optimal: bool, every: int, **its: float) -> dict[str, Any]:
    """How the tracker does in the frames of the test."""
    film, truth = boxes_of_film(), marks()
    config = TrackerConfig(motion=motion, optimal=optimal, **its)
    done = judged(tracked(film, config, every, N_FRAMES), truth)
    lists = ("who", "there", "found", "switches", "own")
    return {
        "idf1": 100 * done.idf1(),
        "mota": 100 * done.mota(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
    } | {name: " ".join(map(str, getattr(done, name))) for name in lists}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video")
    for every in (8, 4, 2, 1):
        for motion, optimal in itertools.product((False, True), repeat=2):
            key = {"motion": motion, "optimal": optimal, "every": every}
            best = study.row(tune, **key)
            study.row(test, **key, **{name: best[name] for name in GRID})
    study.save()
