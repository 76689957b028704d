"""Study of the chapter "Motion on the wrist": computing with eight bits, with further seeds.

    make study NAME=06_applications/internet_of_things_more

One thread, about two minutes. Networks of convolutions and linear models that learn from nine
people as in the study "internet_of_things", with two further seeds, answer for the tenth in 32 and
in 8 bits; so do a network cut down to half the filters and one that is narrow from the start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from internet_of_things_arms_study import integers
from internet_of_things_device_study import FURTHER, NARROW
from internet_of_things_study import (
    SEEDS,
    STEPS,
    all_windows,
    learn_network,
    learnt,
    scores,
)

import largemodels as lm
from largemodels.data.series import persons
from largemodels.models.motion import Int8Convolutions, motion_features


def networks(person: int, seed: int, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent of three networks of convolutions, each in 32 and in 8 bits."""
    its = all_windows()
    rows = persons(its, [person])
    taught, test = its[~rows], its[rows]
    wide = learnt("convolutions", setting, angle, ~rows, seed)
    cut = wide.narrowed(NARROW)
    learn_network(cut, taught, setting / 3, angle, FURTHER)
    new = lm.MotionConvolutions(lm.MotionConvolutionsConfig(channels=NARROW))
    learn_network(new, taught, setting, angle, STEPS + FURTHER)
    found: dict[str, Any] = {}
    for name, model in (("wide", wide), ("cut", cut), ("new", new)):
        small = Int8Convolutions(model, taught.motion)
        for bits, it in (("32", model), ("8", small)):
            right = scores(it, test.motion).argmax(axis=1) == test.exercise.numpy()
            found[f"{name}{bits}"] = 100 * float(right.mean())
    return found


def linear(person: int, seed: int, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent of the linear model in 32 and in 8 bits."""
    its = all_windows()
    own, truth = persons(its, [person]).numpy(), its.exercise.numpy()
    model = learnt("linear model", setting, angle, torch.from_numpy(~own), seed)
    scaler, logits = model[0], model[1]
    x = scaler.transform(motion_features(its.motion).numpy())
    step = np.abs(x[~own]).max(axis=0) / 127  # of each feature
    weights = logits.coef_ * step
    steps = np.abs(weights).max(axis=1, keepdims=True) / 127  # of each exercise
    sums = integers(x[own], step) @ integers(weights, steps).T
    answers = (sums * steps.T + logits.intercept_).argmax(axis=1)
    return {
        "linear32": 100 * float((logits.predict(x[own]) == truth[own]).mean()),
        "linear8": 100 * float((answers == truth[own]).mean()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things_more")
    rows = lm.studies.load("06_applications/internet_of_things")
    rows = rows[rows.seed == 0].set_index(["who", "person"])
    for seed in range(1, SEEDS):
        for compute, who in ((networks, "convolutions"), (linear, "linear model")):
            for person in range(10):
                best = rows.loc[who, person]
                its = dict(setting=float(best.setting), angle=float(best.angle))
                study.row(compute, person=person, seed=seed, **its)
    study.save()
