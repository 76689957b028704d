"""Study of the chapter "Motion on the wrist": other ways to split, and a smaller network.

    make study NAME=06_applications/internet_of_things_checks

One thread, some minutes. First, the same two methods with fixed settings in ten folds that hide
less and less from training: one arm of a person, while the other arm's recordings are there; a
tenth of each recording, without overlap; windows at random, whose neighbours overlap them. In the
same folds a forest names the person instead of the exercise. Then the network of convolutions
that learnt from nine people is made narrower and trained a little further, and one as narrow
learns from the start, for as many steps in all; each answers for the tenth person in eight bits.
Last, a forest and a small Transformer answer for each person at one setting, which was not tuned;
and the network of convolutions learns for three times as many steps.
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
    learnt,
    scores,
)
from torch import Tensor

import largemodels as lm
from largemodels.data.series import Windows, persons, watch_motion
from largemodels.models.motion import Int8Convolutions

N_FOLDS, ANGLE = 10, 20.0
NARROW, FURTHER = (
    (12, 16, 24),
    100,
)  # filters of the smaller network; steps after it was cut


def fold_of(its: Windows, how: str) -> Tensor:
    """Which fold each window is in, ``(n,)``."""
    if how == "windows":
        order = torch.randperm(len(its), generator=torch.Generator().manual_seed(0))
        return order % N_FOLDS
    if how == "parts":
        lengths = torch.tensor([len(it.motion) for it in watch_motion()])
        return N_FOLDS * (its.start + 100) // lengths[its.recording]
    right = torch.tensor([it.right for it in watch_motion()])[its.recording]
    # Of each exercise one right and one left arm, of different people.
    return (its.person - its.exercise + 5 * right.long()) % N_FOLDS


def taught_by(its: Windows, folds: Tensor, fold: int, how: str) -> Tensor:
    """A mask of the windows to learn from; with parts, none that overlaps with the fold."""
    rows = folds != fold
    if how == "parts":
        for recording in its.recording.unique():
            own = its.recording == recording
            starts = its.start[own & (folds == fold)]
            near = (its.start[own][:, None] - starts).abs() < 200
            rows[own] &= ~near.any(dim=1)
    return rows


def split(how: str, who: str, fold: int) -> dict[str, Any]:
    """Answers for one fold: windows and whether each is right, person by person."""
    its = all_windows()
    folds = fold_of(its, how)
    rows, test = taught_by(its, folds, fold, how), its[folds == fold]
    labels = test.exercise
    if who == "names the person":
        model = learnt("forest", MIDDLE["forest"], 0.0, rows, seed=0, labels=its.person)
        labels = test.person
    else:
        model = learnt(who, MIDDLE[who], ANGLE, rows, seed=0)
    right = scores(model, test.motion).argmax(axis=1) == labels.numpy()
    return {
        "windows": " ".join(str(int((test.person == it).sum())) for it in range(10)),
        "right": " ".join(
            str(int(right[(test.person == it).numpy()].sum())) for it in range(10)
        ),
    }


def narrow(person: int, seed: int, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent of a network cut down and of one that was narrow from the start."""
    its = all_windows()
    rows = persons(its, [person])
    taught, test = its[~rows], its[rows]
    found: dict[str, Any] = {}
    kept = lm.studies.weights("06_applications/internet_of_things", f"person{person}")
    wide = lm.MotionConvolutions(kept.config)
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
    study = lm.studies.Study("06_applications/internet_of_things_checks")
    for how in ("arms", "parts", "windows"):
        for who in ("linear model", "convolutions", "names the person"):
            for fold in range(N_FOLDS):
                study.row(split, how=how, who=who, fold=fold)
    rows = lm.studies.load("06_applications/internet_of_things")
    chosen = rows[(rows.who == "convolutions") & (rows.seed == 0)].set_index("person")
    for person in range(10):
        best = chosen.loc[person]
        for seed in range(2):
            its = dict(setting=float(best.setting), angle=float(best.angle))
            study.row(narrow, person=person, seed=seed, **its)
        study.row(longer, person=person, steps=3 * STEPS, **its)
    for who in ("forest", "Transformer"):
        for person in range(10):
            its = dict(setting=MIDDLE[who], angle=10.0)
            study.row(answered, who=who, person=person, seed=0, **its)
    study.save()
