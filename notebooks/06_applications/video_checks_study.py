"""Study of the chapter "Video": how far do the settings decide, and when does prediction help?

    make study NAME=06_applications/video_checks

One thread, some minutes. First, three other deals of the 50 marked frames: trackers without and
with motion are tuned on one third, on the ladders of the study "video", and tested on the other
two. Second, the best assignment when it predicts only the tracks that had a box in the frame
before, only those that wait, all or none. Third, the best assignment with a patience of 0 frames,
everything else tuned on the frames for choosing. Fourth, what the first figure draws.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from video_study import (
    GRID,
    MARKED,
    N_FRAMES,
    OVERLAPS,
    TRACKERS,
    TUNED,
    boxes_of_film,
    climb,
    judged,
    marks,
    tracked,
)

import largemodels as lm
from largemodels.data.film import WIDE
from largemodels.models.tracker import (
    START,
    Tracker,
    TrackerConfig,
    assigned,
    distances,
    predicted,
    updated,
)
from largemodels.objectives.tracking import Followed, Frame, standing

THIRDS = ((0, 17), (17, 34), (34, 50))  # of the 50 marked frames
DEALT = (  # trackers that are tuned on each third, and the rates
    ("nearest first", 1),
    ("best assignment", 1),
    ("nearest first", 2),
    ("best assignment", 2),
    ("motion, best assignment", 1),
    ("motion, best overlap", 1),
)


def lists(done: Followed) -> dict[str, Any]:
    """A row of a study, as in the study "video"."""
    names = ("there", "found", "switches", "own")
    return {
        "idf1": 100 * done.idf1(),
        "all_switches": int(done.switches.sum()),
        "reported": done.reported,
        "people": " ".join(map(str, done.who)),
    } | {name: " ".join(map(str, getattr(done, name))) for name in names}


def deal(who: str, every: int, third: int) -> dict[str, Any]:
    """Tuned on one third of the marked frames, with which the film begins; tested on the rest."""
    film, truth = boxes_of_film(), marks(test=False) | marks()
    own = list(truth)[slice(*THIRDS[third])]
    start, end = own[0], own[-1] + 1
    own_marks = {at - start: truth[at] for at in own}
    rest = {at: it for at, it in truth.items() if at not in own}
    motion, optimal, overlap = TRACKERS[who]

    def config(patience: float, **its: float) -> TrackerConfig:
        frames = max(1, round(patience / every))
        return TrackerConfig(motion, optimal, overlap=overlap, patience=frames, **its)

    def score(**its: float) -> tuple[float, float]:
        found = tracked(film[start:end], config(**its), every, end - start)
        done = judged(found, own_marks)
        return 100 * done.idf1(), -float(done.switches.sum())

    best = climb(GRID | {"gate": OVERLAPS if overlap else GRID["gate"]}, score)
    found = tracked(film, config(**{name: best[name] for name in GRID}), every, N_FRAMES)
    return best | lists(judged(found, rest))


def halfway(config: TrackerConfig, seen: bool, waiting: bool, end: int) -> dict[int, Frame]:
    """The tracker with motion, but some tracks are expected where their last box was.

    Args:
        config: settings.
        seen: whether tracks with a box in the frame before are predicted.
        waiting: whether the others are.
        end: number of frames.
    """
    state, spread, last = np.zeros((0, 2, 3)), np.zeros((0, 2, 2)), np.zeros((0, 3))
    who, waits, born, found = np.zeros(0, dtype=int), np.zeros(0, dtype=int), 0, {}
    for at, (boxes, scores) in enumerate(boxes_of_film()[:end]):
        its = boxes[scores >= config.least].astype(float)
        now = np.stack(
            [its[:, [0, 2]].mean(1), its[:, [1, 3]].mean(1), its[:, 3] - its[:, 1]], 1
        )
        state, spread = predicted(state, spread, config.noise, True)
        walks = np.where(waits > 0, waiting, seen)[:, None]
        rows, columns = assigned(
            distances(np.where(walks, state[:, 0], last), now), config.gate
        )
        state[rows], spread[rows] = updated(state[rows], spread[rows], now[columns])
        waits += 1
        waits[rows], last[rows] = 0, now[columns]
        numbers = np.zeros(len(now), dtype=int)
        numbers[columns] = who[rows]
        new = np.flatnonzero(numbers == 0)
        numbers[new] = born + 1 + np.arange(len(new))
        born += len(new)
        if at % MARKED == 0:
            found[at] = (
                torch.from_numpy(numbers),
                standing(torch.from_numpy(its).float(), WIDE),
            )
        kept = waits <= config.patience
        fresh = np.stack([now[new], np.zeros_like(now[new])], axis=1)
        spreads = np.tile(np.diag([1.0, START]), (len(new), 1, 1))
        state = np.concatenate([state[kept], fresh])
        spread = np.concatenate([spread[kept], spreads])
        last, who = (
            np.concatenate([last[kept], now[new]]),
            np.concatenate([who[kept], numbers[new]]),
        )
        waits = np.concatenate([waits[kept], np.zeros(len(new), dtype=int)])
    return found


def parts(seen: bool, waiting: bool) -> dict[str, Any]:
    """Which tracks are predicted; every setting is tuned for that on the frames for choosing."""
    truth = marks(test=False)

    def config(patience: float, **its: float) -> TrackerConfig:
        return TrackerConfig(patience=int(patience), **its)

    def score(**its: float) -> tuple[float, float]:
        done = judged(halfway(config(**its), seen, waiting, TUNED), truth)
        return 100 * done.idf1(), -float(done.switches.sum())

    best = climb(GRID, score)
    found = halfway(config(**{name: best[name] for name in GRID}), seen, waiting, N_FRAMES)
    return best | lists(judged(found, marks()))


def at_once(motion: bool) -> dict[str, Any]:
    """A track ends with its first missed frame; the other settings are tuned for that."""
    film, truth = boxes_of_film(), marks(test=False)
    trials = itertools.product(*(GRID[it] for it in ("noise", "gate", "least")))
    configs = [
        TrackerConfig(motion, noise=noise, gate=gate, patience=0, least=least)
        for noise, gate, least in trials
    ]
    tried = {it: judged(tracked(film, it, 1, TUNED), truth) for it in configs}
    best = max(tried, key=lambda it: (tried[it].idf1(), -tried[it].switches.sum()))
    return {
        "validation": 100 * tried[best].idf1(),
        "trials": len(tried),
        "noise": best.noise,
        "gate": best.gate,
        "least": best.least,
    } | lists(judged(tracked(film, best, 1, N_FRAMES), marks()))


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
    for seen, waiting in itertools.product((False, True), repeat=2):
        study.row(parts, seen=seen, waiting=waiting)
    for (who, every), third in itertools.product(DEALT, range(len(THIRDS))):
        study.row(deal, who=who, every=every, third=third)
    for motion in (False, True):
        study.row(at_once, motion=motion)
    chosen = lm.studies.load("06_applications/video").query("every == 1")
    for who in ("best assignment", "motion, best overlap"):
        best = chosen[(chosen.who == who) & chosen.validation.notna()].iloc[0]
        its = {name: best[name].item() for name in GRID}
        its["patience"] = int(its["patience"])
        study.row(drawn, who=who, frames="288 304 320", **its)
    study.save()
