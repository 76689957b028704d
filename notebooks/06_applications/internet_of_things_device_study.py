"""Study of the chapter "Motion on the wrist": a smaller network, a longer run, two other methods.

    make study NAME=06_applications/internet_of_things_device

One thread, some minutes. The network of convolutions that learnt from nine people is made narrower
and trained a little further, and one as narrow learns from the start, for as many steps in all;
each answers for the tenth person in eight bits. Then the network learns for three times as many
steps. Last, a forest and a small Transformer answer at one setting, which was not tuned.
"""

from __future__ import annotations

from typing import Any

import torch
from internet_of_things_study import (
    MIDDLE,
    STEPS,
    all_windows,
    answered,
    learn_network,
    scores,
)

import largemodels as lm
from largemodels.data.series import persons
from largemodels.models.motion import Int8Convolutions

NARROW, FURTHER = (
    (12, 16, 24),
    100,
)  # filters of the smaller network; steps after it was cut


def narrow(person: int, seed: int, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent of a network cut down and of one that was narrow from the start."""
    its = all_windows()
    rows = persons(its, [person])
    taught, test = its[~rows], its[rows]
    found: dict[str, Any] = {}
    kept = lm.studies.weights("06_applications/internet_of_things", f"person{person}")
    wide = lm.MotionConvolutions(lm.MotionConvolutionsConfig(**kept.config))
    wide.load_state_dict(kept.state)
    torch.manual_seed(seed)
    cut = wide.narrowed(NARROW)
    learn_network(cut, taught, setting / 3, angle, FURTHER)
    new = lm.MotionConvolutions(lm.MotionConvolutionsConfig(channels=NARROW))
    learn_network(new, taught, setting, angle, STEPS + FURTHER)
    for name, model in (("cut", cut), ("new", new)):
        small = Int8Convolutions(model, taught.motion)
        for bits, it in (("32", model), ("8", small)):
            right = scores(it, test.motion).argmax(axis=1) == test.exercise.numpy()
            found[f"{name}{bits}"] = 100 * float(right.mean())
    if seed == 0:
        study.keep(f"cut{person}", cut, cut.config)
    return found


def longer(person: int, setting: float, angle: float, steps: int) -> dict[str, Any]:
    """Accuracy in per cent of the network of convolutions after more steps."""
    its = all_windows()
    rows = persons(its, [person])
    torch.manual_seed(0)
    network = lm.MotionConvolutions(lm.MotionConvolutionsConfig())
    learn_network(network, its[~rows], setting, angle, steps)
    right = scores(network, its.motion[rows]).argmax(axis=1) == its.exercise[rows].numpy()
    return {"longer": 100 * float(right.mean())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things_device")
    rows = lm.studies.load("06_applications/internet_of_things")
    chosen = rows[(rows.who == "convolutions") & (rows.seed == 0)].set_index("person")
    for person in range(10):
        best = chosen.loc[person]
        its = dict(setting=float(best.setting), angle=float(best.angle))
        study.row(narrow, person=person, seed=0, **its)
        study.row(longer, person=person, steps=3 * STEPS, **its)
    for who in ("forest", "Transformer"):
        for person in range(10):
            its = dict(setting=MIDDLE[who], angle=10.0)
            study.row(answered, who=who, person=person, seed=0, **its)
    study.save()
