"""Study of the chapter "Video": how far do the settings decide what prediction is worth?

    make study NAME=06_applications/video_checks

One thread, two minutes. First, three other deals of the 50 marked frames: a tracker without
and one with motion are tuned on one third, each among 36 settings, and tested on the other two.
Second, both by the best assignment and with a patience of 0 frames, everything else tuned on the
frames for choosing of the study "video". Third, what the first figure of the chapter draws.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import torch
from video_study import GRID, N_FRAMES, TRACKERS, boxes_of_film, judged, marks, tracked

import largemodels as lm
from largemodels.data.film import WIDE
from largemodels.models.tracker import Tracker, TrackerConfig
from largemodels.objectives.tracking import Followed, Frame, standing

THIRDS = ((0, 17), (17, 34), (34, 50))  # of the 50 marked frames
SETTINGS = {  # 36 of each kind, around what the study "video" chose
    False: {
        "optimal": (True, False),
        "noise": (10.0,),
        "gate": (0.3, 0.7, 1.0),
        "patience": (6, 12, 48),
        "least": (0.28, 0.32),
    },
    True: {
        "optimal": (True,),
        "noise": (0.01, 0.1, 1.0),
        "gate": (0.7, 1.0),
        "patience": (12, 24, 48),
        "least": (0.28, 0.32),
    },
}


def configs(grid: dict[str, tuple[Any, ...]], motion: bool) -> list[TrackerConfig]:
    """All combinations of the settings."""
    return [
        TrackerConfig(motion=motion, **dict(zip(grid, its, strict=True)))
        for its in itertools.product(*grid.values())
    ]


@cache
def through(config: TrackerConfig, end: int = N_FRAMES) -> dict[int, Frame]:
    """What the tracker reports in the marked frames."""
    return tracked(boxes_of_film(), config, 1, end)


def lists(done: Followed) -> dict[str, Any]:
    """A row of a study, as in the study "video"."""
    names = ("there", "found", "switches", "own")
    return {
        "idf1": 100 * done.idf1(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
        "people": " ".join(map(str, done.who)),
    } | {name: " ".join(map(str, getattr(done, name))) for name in names}


def deal(motion: bool, third: int) -> dict[str, Any]:
    """Tuned on one third of the marked frames, tested on the others."""
    truth = marks(test=False) | marks()
    first, end = THIRDS[third]
    own = {at: truth[at] for at in list(truth)[first:end]}
    rest = {at: it for at, it in truth.items() if at not in own}
    tried = {it: judged(through(it), own) for it in configs(SETTINGS[motion], motion)}
    best = max(tried, key=lambda it: (tried[it].idf1(), -tried[it].switches.sum()))
    near = [it for it in tried if 100 * (tried[best].idf1() - tried[it].idf1()) <= 2]
    tests = [100 * judged(through(it), rest).idf1() for it in near]
    return {
        "validation": 100 * tried[best].idf1(),
        "trials": len(tried),
        "noise": best.noise,
        "gate": best.gate,
        "patience": best.patience,
        "least": best.least,
        "near_low": min(tests),
        "near_high": max(tests),
    } | lists(judged(through(best), rest))


def at_once(motion: bool) -> dict[str, Any]:
    """A track ends with its first missed frame; the other settings are tuned for that."""
    grid = {it: GRID[it] for it in ("noise", "gate", "least")} | {"patience": (0,)}
    truth = marks(test=False)
    tried = {it: judged(through(it, 256), truth) for it in configs(grid, motion)}
    best = max(tried, key=lambda it: (tried[it].idf1(), -tried[it].switches.sum()))
    return {
        "validation": 100 * tried[best].idf1(),
        "trials": len(tried),
        "noise": best.noise,
        "gate": best.gate,
        "least": best.least,
    } | lists(judged(through(best), marks()))


def drawn(who: str, frames: str, **its: Any) -> dict[str, Any]:
    """Numbers and boxes in some frames, as "number left top right bottom"."""
    motion, optimal, overlap = TRACKERS[who]
    tracker = Tracker(TrackerConfig(motion, optimal, overlap=overlap, **its))
    lines = []
    for boxes, scores in boxes_of_film():
        numbers, _ = tracker.step(boxes, scores)
        used = numbers > 0
        slim = standing(torch.from_numpy(boxes[used]).float(), WIDE).numpy().round(1)
        rows = np.concatenate([numbers[used][:, None], slim], axis=1)
        lines.append(";".join(" ".join(f"{it:g}" for it in row) for row in rows))
    return {"boxes": "|".join(lines[int(it)] for it in frames.split())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/video_checks")
    for motion, third in itertools.product((False, True), range(len(THIRDS))):
        study.row(deal, motion=motion, third=third)
    for motion in (False, True):
        study.row(at_once, motion=motion)
    chosen = lm.studies.load("06_applications/video").query("every == 1")
    for who in ("best assignment", "motion, best overlap"):
        best = chosen[(chosen.who == who) & chosen.validation.notna()].iloc[0]
        its = {name: best[name].item() for name in GRID}
        its["patience"] = int(its["patience"])
        study.row(drawn, who=who, frames="288 304 320", **its)
    study.save()
