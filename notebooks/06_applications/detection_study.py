"""Study of the chapter "Detection": two detectors, tuned and trained on the same composed scenes.

    make study NAME=06_applications/detection

One thread, about 15 minutes. Of three draws of what is held out (stamps and backdrops), each gives
2,000 scenes to learn from, 200 to choose settings and 300 to test. One detector is a YOLO of
135,000 weights, the other slides windows over histograms of oriented gradients, with a linear
classifier. Settings are chosen by the mean average precision on the validation scenes of the first
draw, as many trials for each; those of the YOLO are shorter than its final training. One row
says what half of the scenes would give the windows. All detectors are kept.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

import largemodels as lm
from largemodels.data import scenes, stamps
from largemodels.models.hog import HogConfig, HogDetector
from largemodels.models.yolo import Yolo, YoloConfig
from largemodels.objectives import detection

KINDS = {"bird": 0, "mammal": 0, "food": 1, "flower": 1, "vehicle": 2}  # and their classes
CLASSES = ("animal", "plant", "vehicle")
N = {"train": 2_000, "validation": 200, "test": 300}
N_WINDOWS = 2_000  # training scenes that the sliding windows learn from: all
DRAWS = range(3)
BATCH, STEPS, STEPS_OF_A_TRIAL = 32, 1_500, 400
RATES = [7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2]
PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
Scenes = tuple[Tensor, list[Tensor], list[Tensor]]


@functools.cache
def stamps_of(draw: int) -> dict[str, list[stamps.Stamp]]:
    """The stamps of each part, small, since scenes are."""
    parts = stamps.split(stamps.stamps(), draw)
    return {part: scenes.smaller(its, 80) for part, its in parts.items()}


@functools.cache
def backdrops_of(draw: int) -> dict[str, list[np.ndarray]]:
    """The backdrops of each part, small."""
    return scenes.backdrops(draw, 240)


def plans(
    part: str, draw: int, n: int, its: Sequence[stamps.Stamp] | None = None
) -> list[scenes.Plan]:
    """Scenes of a part, planned: with the stamps of this part, or with others."""
    rng = np.random.default_rng([draw, list(N).index(part)])
    if its is None:
        its = [it for it in stamps_of(draw)[part] if it.kind in KINDS]
    kinds = dict.fromkeys(it.kind for it in its)
    things = [[it for it in its if it.kind == kind] for kind in kinds]
    return [scenes.plan(things, backdrops_of(draw)[part], rng) for _ in range(n)]


@functools.cache
def drawn(part: str, draw: int) -> Scenes:
    """Pictures, boxes and classes of a part."""
    return scenes.tensors([scenes.draw(it) for it in plans(part, draw, N[part])], KINDS)


def varied(batch: Scenes, rng: torch.Generator) -> Scenes:
    """Half of the pictures mirrored, all tinted anew."""
    pictures, boxes, classes = batch
    side = pictures.shape[3]
    turn = torch.rand(len(pictures), generator=rng) < 0.5
    pictures = torch.where(turn[:, None, None, None], pictures.flip(3), pictures)
    mirror = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    boxes = [
        (it * mirror + torch.tensor([side, 0, side, 0]))[:, [2, 1, 0, 3]] if flip else it
        for it, flip in zip(boxes, turn, strict=True)
    ]
    tint = 0.7 + 0.6 * torch.rand(len(pictures), 3, 1, 1, generator=rng)
    return (pictures * tint).clamp(0, 1), boxes, classes


def some(its: Scenes, rows: Tensor) -> Scenes:
    """A batch."""
    return its[0][rows], [its[1][it] for it in rows], [its[2][it] for it in rows]


def precision(model: Yolo | HogDetector, its: Scenes, most: float = 0.5) -> float:
    """Mean average precision at an overlap of one half, in per cent."""
    found = answers(model, its[0], most)
    truth = list(zip(its[1], its[2], strict=True))
    return 100 * detection.mean_average_precision(
        detection.judged(found, truth, len(CLASSES))
    )


def answers(
    model: Yolo | HogDetector, pictures: Tensor, most: float = 0.5
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The detections in each picture."""
    found = []
    for part in pictures.split(50):
        boxes, scores = model.candidates(part)
        found += [
            detection.detections(*it, least=0.01, most=most)
            for it in zip(boxes, scores, strict=True)
        ]
    return found


def yolo(draw: int, rate: float, box: str, steps: int) -> Yolo:
    """A trained YOLO."""
    torch.manual_seed(draw)
    config = YoloConfig(len(CLASSES))
    box_loss = detection.squared_errors if box == "squared" else detection.missed_overlap
    model, its = Yolo(config).to(memory_format=torch.channels_last), drawn("train", draw)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.1
    )
    rng = torch.Generator().manual_seed(draw)
    for _ in range(steps):
        rows = torch.randint(len(its[0]), (BATCH,), generator=rng)
        pictures, boxes, classes = varied(some(its, rows), rng)
        raw = model(pictures.contiguous(memory_format=torch.channels_last))
        grid = (raw.shape[2], raw.shape[3])
        aims = detection.yolo_targets(boxes, classes, config.anchors, config.stride, grid)
        optimizer.zero_grad()
        detection.yolo_loss(raw, model.boxes(raw), aims, box_loss=box_loss).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def windows(
    model: HogDetector, its: Scenes, rng: np.random.Generator, mine: bool
) -> list[tuple[Tensor, Tensor]]:
    """Features and classes of windows of each shape; the class -1 is none.

    Of each thing the three windows that fit it best, if they overlap it by 0.6 or more; of each
    picture six windows that overlap nothing by 0.4 or more, drawn at random, or those that the
    model takes for something with the highest scores.
    """
    found: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in model.linear]
    for first in range(0, len(its[0]), 100):
        part = its[0][first : first + 100]
        levels = model.features(part)
        if mine:
            model.features = lambda _, its=levels: its  # type: ignore[method-assign,misc]
            scores = model.candidates(part)[1].amax(2)
            del model.features
        places = [
            (level, shape, row, column)
            for level, blocks in enumerate(levels)
            for shape, linear in enumerate(model.linear)
            for row in range(blocks.shape[2] - linear.kernel_size[0] + 1)
            for column in range(blocks.shape[3] - linear.kernel_size[1] + 1)
        ]
        boxes = model.candidates(part[:1])[0][0]
        for at in range(len(part)):
            truth, kinds = its[1][first + at], its[2][first + at]
            shared = detection.overlaps(boxes, truth)
            free = (shared.amax(1) < 0.4).nonzero()[:, 0]
            if not mine:
                wrong = free[torch.from_numpy(rng.permutation(len(free))[:6])]
            else:
                wrong = free[scores[at, free].topk(6).indices]
            chosen = [(int(it), -1) for it in wrong]
            for number, kind in enumerate(kinds.tolist()):
                value, best = shared[:, number].topk(3)
                chosen += [(int(it), kind) for it in best[value >= 0.6]]
            for window, kind in chosen:
                level, shape, row, column = places[window]
                high, wide = model.linear[shape].kernel_size
                block = levels[level][at, :, row : row + high, column : column + wide]
                found[shape][0].append(block.flatten())
                found[shape][1].append(torch.tensor(kind))
    return [(torch.stack(features), torch.stack(kinds)) for features, kinds in found]


def machine(x: Tensor, aims: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """A linear support-vector machine for each class against the rest, with squared hinge loss.

    Minimises ‖w‖² / 2 + C · n · mean max(0, 1 - y f)², where the mean weighs yes and no alike.
    """
    sign = 2.0 * (aims[:, None] == torch.arange(len(CLASSES))) - 1
    yes = (sign > 0).float()
    weigh = yes / yes.sum(0).clamp(min=1) + (1 - yes) / (1 - yes).sum(0)
    weigh = weigh * penalty * 1_000

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = torch.tensor(flat, dtype=torch.float32).view(len(CLASSES), -1)
        short = (1 - sign * (x @ w[:, :-1].T + w[:, -1])).clamp(min=0)
        back = -2 * weigh * sign * short
        slope = torch.cat([back.T @ x, back.sum(0)[:, None]], 1) + w
        total = (weigh * short.square()).sum() + w.square().sum() / 2
        return float(total), slope.double().numpy().ravel()

    start = np.zeros(len(CLASSES) * (x.shape[1] + 1))
    done = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 40})
    w = torch.tensor(done.x, dtype=torch.float32).view(len(CLASSES), -1)
    return w[:, :-1], w[:, -1]


@functools.cache
def first_windows(draw: int, config: HogConfig, n: int) -> list[tuple[Tensor, Tensor]]:
    """Windows of things, and others at random."""
    its = some(drawn("train", draw), torch.arange(n))
    return windows(HogDetector(config), its, np.random.default_rng(draw), mine=False)


def hog(draw: int, penalty: float, margin: int, colour: bool, n: int) -> HogDetector:
    """Sliding windows, trained: windows at random, then once more also those that were mistaken."""
    shapes = tuple((a + 2 * margin, b + 2 * margin) for a, b in HogConfig().windows)
    config = HogConfig(len(CLASSES), windows=shapes, margin=margin, colour=colour)
    model, its = HogDetector(config), some(drawn("train", draw), torch.arange(n))
    kept = first_windows(draw, config, n)
    fit(model, kept, penalty)
    kept = joined(kept, windows(model, its, np.random.default_rng(draw), mine=True))
    fit(model, kept, penalty)
    return model.eval()


def joined(
    kept: list[tuple[Tensor, Tensor]], new: list[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """Windows of each shape, and from a new search those that hold no thing."""
    return [
        (torch.cat([a, x[kinds < 0]]), torch.cat([b, kinds[kinds < 0]]))
        for (a, b), (x, kinds) in zip(kept, new, strict=True)
    ]


def fit(model: HogDetector, kept: list[tuple[Tensor, Tensor]], penalty: float) -> None:
    """Train the classifiers of all shapes on their windows."""
    for shape, (x, kinds) in enumerate(kept):
        weight, bias = machine(x, kinds, penalty)
        linear = model.linear[shape]
        linear.weight.data, linear.bias.data = weight.view_as(linear.weight), bias
        calibrate(model, shape, x @ weight.T + bias, kinds)


def calibrate(model: HogDetector, shape: int, scores: Tensor, kinds: Tensor) -> None:
    """Platt's scaling, by a few steps of Newton's method, so that shapes and classes compare."""
    for number in range(len(CLASSES)):
        yes = (kinds == number).double()
        x = torch.stack([scores[:, number].double(), torch.ones(len(scores)).double()], 1)
        w = torch.tensor([1.0, 0.0]).double()
        for _ in range(15):
            p = (x @ w).sigmoid()
            curve = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * torch.eye(2).double()
            w = w - torch.linalg.solve(curve, x.T @ (p - yes))
        model.scale[shape, number], model.shift[shape, number] = float(w[0]), float(w[1])


def train(who: str, draw: int, **setting: Any) -> tuple[Yolo | HogDetector, float]:
    """A detector and the seconds of its training."""
    drawn("train", draw)
    began = time.process_time()
    model = (yolo if who == "yolo" else hog)(draw, **setting)
    return model, time.process_time() - began


def tune(who: str, **setting: Any) -> dict[str, Any]:
    """A trial: the mean average precision on the validation scenes of the first draw."""
    model, seconds = train(who, 0, **setting)
    its = drawn("validation", 0)
    return {
        "validation": precision(model, its),
        **{
            f"validation at {most}": precision(model, its, most) for most in (0.3, 0.4, 0.6)
        },
        "seconds": seconds,
    }


def test(who: str, draw: int, most: float, **setting: Any) -> dict[str, Any]:
    """Train on a draw, test on it, and keep the detector."""
    model, seconds = train(who, draw, **setting)
    study.keep(f"{who}{draw}", model)
    return {
        "test": precision(model, drawn("test", draw), most),
        "trained on": precision(model, some(drawn("train", draw), torch.arange(300)), most),
        "parameters": model.n_parameters(),
        "seconds": seconds,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection")
    rows: dict[str, list[tuple[float, float, dict[str, Any]]]] = {"yolo": [], "hog": []}

    def trial(who: str, **setting: Any) -> float:
        """Minus the best validation precision over the thresholds of suppression."""
        row = study.row(tune, who=who, **setting)
        tried = {most: row[f"validation at {most}"] for most in (0.3, 0.4, 0.6)}
        tried[0.5] = row["validation"]
        most = max(tried, key=tried.__getitem__)
        rows[who].append((tried[most], most, setting))
        return -tried[most]

    def rate_trial(rate: float) -> float:
        """One learning rate, with the overlap as loss."""
        return trial("yolo", rate=rate, box="overlap", steps=STEPS_OF_A_TRIAL)

    def penalty_trial(penalty: float) -> float:
        """One penalty, with colour and a margin."""
        return trial("hog", penalty=penalty, margin=1, colour=True, n=N_WINDOWS)

    rate = lm.studies.best_inside(RATES, [6e-3], rate_trial)
    trial("yolo", rate=rate, box="squared", steps=STEPS_OF_A_TRIAL)
    penalty = lm.studies.best_inside(PENALTIES, [1e-2], penalty_trial)
    trial("hog", penalty=penalty, margin=0, colour=True, n=N_WINDOWS)
    if len(rows["hog"]) < len(rows["yolo"]):
        trial("hog", penalty=penalty, margin=1, colour=False, n=N_WINDOWS)
    best = max(rows["hog"], key=lambda it: it[0])[2]
    study.row(tune, who="hog", **best | {"n": N_WINDOWS // 2})
    for who in ("yolo", "hog"):
        _, most, setting = max(rows[who], key=lambda it: it[0])
        for draw in DRAWS:
            longer = {"steps": STEPS} if who == "yolo" else {}
            study.row(test, who=who, draw=draw, most=most, **setting | longer)
    study.save()
