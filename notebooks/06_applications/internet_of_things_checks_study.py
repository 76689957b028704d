"""Study of the chapter "Motion on the wrist": other ways to split.

    make study NAME=06_applications/internet_of_things_checks

One thread, about a minute. The same two methods with fixed settings in ten folds that hide less and
less from training: one recording of a person, while the other recordings of both arms are there; a
tenth of each recording, without overlap; windows at random, whose neighbours overlap them. In the
same folds a forest names the person instead of the exercise.
"""

from __future__ import annotations

from typing import Any

import torch
from internet_of_things_study import (
    MIDDLE,
    all_windows,
    learnt,
    scores,
)
from torch import Tensor

import largemodels as lm
from largemodels.data.series import Windows, watch_motion

N_FOLDS, ANGLE = 10, 20.0


def fold_of(its: Windows, how: str) -> Tensor:
    """Which fold each window is in, ``(n,)``."""
    if how == "windows":
        order = torch.randperm(len(its), generator=torch.Generator().manual_seed(0))
        return order % N_FOLDS
    if how == "parts":
        lengths = torch.tensor([len(it.motion) for it in watch_motion()])
        return N_FOLDS * (its.start + 100) // lengths[its.recording]
    right = torch.tensor([it.right for it in watch_motion()])[its.recording]
    # Each fold has one recording of a right and one of a left arm for each exercise, so a person's
    # seven exercises with one arm lie in seven folds.
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things_checks")
    for how in ("recordings", "parts", "windows"):
        for who in ("linear model", "convolutions", "names the person"):
            for fold in range(N_FOLDS):
                study.row(split, how=how, who=who, fold=fold)
    study.save()
