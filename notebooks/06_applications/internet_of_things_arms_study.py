"""Study of the chapter "Motion on the wrist": whole arms hidden, one exercise turned, other checks.

    make study NAME=06_applications/internet_of_things_arms

One thread, some minutes. The two methods with the fixed settings of the study of checks, once with
a person hidden and once with one arm of a person; a forest that names the person learns from one
arm of all and answers for the other. The linear model learns once more from features that are
standardised person by person, without labels. The windows of forward elevation alone are turned
about the axes of the watch. The linear model computes with eight bits. Last, the network learns
for three times as many steps from two further seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from internet_of_things_study import (
    MIDDLE,
    SEEDS,
    STEPS,
    all_windows,
    described,
    fresh,
    learn_network,
    learnt,
    scores,
)
from sklearn.linear_model import LogisticRegression
from torch import Tensor

import largemodels as lm
from largemodels.data.series import EXERCISES, persons, watch_motion
from largemodels.models.motion import motion_features

ANGLE = 20.0  # of the random turns, as in the study of checks
TURNS = tuple(range(-90, 91, 15))  # degrees
ABDUCTION, ELEVATION = EXERCISES.index("abduction"), EXERCISES.index("forward elevation")


def right_arm() -> Tensor:
    """Whether each window is of a right arm, ``(n,)``."""
    return torch.tensor([it.right for it in watch_motion()])[all_windows().recording]


def hidden(how: str, who: str, person: int, seed: int, angle: float) -> dict[str, Any]:
    """Accuracy in per cent for a person of whom nothing, or only the other arm, was learnt from."""
    its = all_windows()
    own, right = persons(its, [person]), right_arm()
    parts = [own] if how == "people" else [own & right, own & ~right]
    correct = 0
    for rows in parts:
        model = learnt(who, MIDDLE[who], angle, ~rows, seed)
        answers = scores(model, its.motion[rows]).argmax(axis=1)
        correct += int((answers == its.exercise[rows].numpy()).sum())
    return {"accuracy": 100 * correct / int(own.sum())}


def named(right: bool) -> dict[str, Any]:
    """Share in per cent of the windows of one arm whose person a forest names from the other."""
    its, rows = all_windows(), right_arm() == right
    model = learnt("forest", MIDDLE["forest"], 0.0, ~rows, 0, labels=its.person)
    answers = scores(model, its.motion[rows]).argmax(axis=1)
    return {"named": 100 * float((answers == its.person[rows].numpy()).mean())}


def standardised(person: int) -> dict[str, Any]:
    """Accuracy in per cent of the linear model on features in units of each person's own spread."""
    its, features = all_windows(), described(0.0, 0)[0].copy()
    for other in range(10):
        rows = persons(its, [other]).numpy()
        features[rows] -= features[rows].mean(axis=0)
        features[rows] /= features[rows].std(axis=0) + 1e-6
    own, truth = persons(its, [person]).numpy(), its.exercise.numpy()
    model = LogisticRegression(C=MIDDLE["linear model"], max_iter=1_000)
    model.fit(features[~own], truth[~own])
    right = model.predict(features[own]) == truth[own]
    elevation = int(right[truth[own] == ELEVATION].sum())
    return {"standardised": 100 * float(right.mean()), "elevations": elevation}


def turn(axis: int, degrees: float) -> Tensor:
    """A rotation about an axis of the watch by a fixed angle, ``(3, 3)``."""
    cross = torch.zeros(3, 3)
    cross[(axis + 1) % 3, (axis + 2) % 3] = float(np.radians(degrees))
    return torch.matrix_exp(cross - cross.T)


def turned(person: int, axis: int) -> dict[str, Any]:
    """How many forward elevations the kept network names as what, if they alone are turned."""
    its = all_windows()
    motion = its.motion[persons(its, [person]) & (its.exercise == ELEVATION)]
    kept = lm.studies.weights("06_applications/internet_of_things", f"person{person}")
    network = lm.MotionConvolutions(lm.MotionConvolutionsConfig(**kept.config))
    network.load_state_dict(kept.state)
    network.eval()
    counts = []
    for degrees in TURNS:
        by = turn(axis, degrees)
        both = torch.cat([motion[..., :3] @ by, motion[..., 3:] @ by], dim=-1)
        counts.append(np.bincount(scores(network, both).argmax(axis=1), minlength=7))
    its_counts = np.array(counts)
    return {
        "n": len(motion),
        "as_elevation": " ".join(map(str, its_counts[:, ELEVATION])),
        "as_abduction": " ".join(map(str, its_counts[:, ABDUCTION])),
    }


def integers(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Integers from -127 to 127."""
    return np.clip(np.round(x / step), -127, 127)


def eight_bits(person: int, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent of the linear model in 32 and in 8 bits, and its bytes in 8."""
    its = all_windows()
    own, truth = persons(its, [person]), its.exercise.numpy()
    model = learnt("linear model", setting, angle, ~own, 0)
    scaler, linear = model[0], model[1]
    features = motion_features(its.motion).numpy()
    x = scaler.transform(features)
    step = np.abs(x[~own.numpy()]).max(axis=0) / 127  # of each feature
    weights = linear.coef_ * step
    steps = np.abs(weights).max(axis=1, keepdims=True) / 127  # of each exercise
    sums = integers(x[own.numpy()], step) @ integers(weights, steps).T
    answers = (sums * steps.T + linear.intercept_).argmax(axis=1)
    plain = linear.predict(x[own.numpy()])
    return {
        "linear32": 100 * float((plain == truth[own.numpy()]).mean()),
        "linear8": 100 * float((answers == truth[own.numpy()]).mean()),
        # One for each weight; four for each mean, step and bias.
        "bytes": weights.size + 4 * (2 * weights.shape[1] + 2 * len(weights)),
    }


def longer(
    person: int, seed: int, setting: float, angle: float, steps: int
) -> dict[str, Any]:
    """Accuracy in per cent of the network of convolutions after more steps."""
    its = all_windows()
    rows = persons(its, [person])
    torch.manual_seed(seed)
    network = fresh("convolutions")
    learn_network(network, its[~rows], setting, angle, steps)
    right = scores(network, its.motion[rows]).argmax(axis=1) == its.exercise[rows].numpy()
    return {"longer": 100 * float(right.mean())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things_arms")
    rows = lm.studies.load("06_applications/internet_of_things")
    rows = rows[rows.seed == 0].set_index(["who", "person"])
    for person in range(10):
        study.row(standardised, person=person)
        study.row(
            hidden, how="people", who="linear model", person=person, seed=0, angle=0.0
        )
        for axis in range(3):
            study.row(turned, person=person, axis=axis)
        best = rows.loc["linear model", person]
        its = dict(setting=float(best.setting), angle=float(best.angle))
        study.row(eight_bits, person=person, **its)
    for right in (True, False):
        study.row(named, right=right)
    for seed in range(SEEDS):
        for who in ("linear model", "convolutions"):
            for how in ("people", "whole arms"):
                for person in range(10):
                    key = dict(how=how, who=who, person=person, seed=seed)
                    study.row(hidden, **key, angle=ANGLE)
    for seed in (1, 2):
        for person in range(10):
            best = rows.loc["convolutions", person]
            its = dict(setting=float(best.setting), angle=float(best.angle))
            study.row(longer, person=person, seed=seed, steps=3 * STEPS, **its)
    study.save()
