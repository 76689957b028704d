"""Study of the chapter "Motion on the wrist": recognisers of people whom they have never seen.

    make study NAME=06_applications/internet_of_things

One thread, about 3 minutes. A linear model reads 156 features, a network of convolutions the raw
motion. Both get the same windows, with the left wrist reflected into a right one, and may learn
from copies turned at random.
Each has the same trials: a ladder of five values for its most important setting at one angle, and a
ladder of angles at one setting. The people are in five pairs. What is used for a pair is chosen on
the four others, by models that saw neither that pair nor the one they are judged on.
The last models learn from nine people and answer for the tenth, with three seeds each.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.series import Windows, persons, rotated, watch_motion, windows
from largemodels.models.motion import motion_features

PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
ANGLES = (0.0, 10.0, 20.0, 30.0, 45.0)  # degrees, standard deviation of the turns
LADDERS = {
    "linear model": (0.003, 0.03, 0.3, 3.0, 30.0),  # inverse strength of the penalty
    "convolutions": (0.0003, 0.001, 0.003, 0.01, 0.03),  # highest learning rate
    "forest": (0.02, 0.05, 0.1, 0.2, 0.5),  # share of the features tried at a split
    "Transformer": (0.0003, 0.001, 0.003, 0.01, 0.03),  # highest learning rate
}
MIDDLE = {who: ladder[2] for who, ladder in LADDERS.items()}
COPIES = 2  # turned copies of each window beside it, for the methods that read features
STEPS, BATCH_SIZE, DECAY = 200, 64, 0.05
SEEDS = 3


@functools.cache
def all_windows() -> Windows:
    """2,229 windows of four seconds, one every two seconds."""
    return windows(watch_motion())


def learn_network(
    network: nn.Module, taught: Windows, rate: float, angle: float, steps: int = STEPS
) -> None:
    """AdamW with a learning rate that rises and falls, each batch turned at random."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=DECAY)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(taught), (BATCH_SIZE,))
        loss = network.loss(rotated(taught.motion[rows], angle), taught.exercise[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
    network.eval()


def fresh(who: str) -> nn.Module:
    """A network that has learnt nothing."""
    if who == "convolutions":
        return lm.MotionConvolutions(lm.MotionConvolutionsConfig())
    return lm.MotionTransformer(lm.MotionTransformerConfig())


@functools.cache
def described(angle: float, seed: int) -> np.ndarray:
    """Features of all windows and of their turned copies, ``(1 + copies, n, 156)``."""
    torch.manual_seed(seed)
    motion = all_windows().motion
    copies = [motion] + [rotated(motion, angle) for _ in range(COPIES if angle else 0)]
    return torch.stack([motion_features(it) for it in copies]).numpy()


def learnt(
    who: str,
    setting: float,
    angle: float,
    rows: Tensor,
    seed: int,
    labels: Tensor | None = None,
) -> Any:
    """A network, or a model of scikit-learn that reads features, taught by some of the windows.

    ``rows`` is a mask of all windows, ``labels`` those of all; None: the exercises.
    """
    its = all_windows()
    if who in ("convolutions", "Transformer"):
        torch.manual_seed(seed)
        network = fresh(who)
        learn_network(network, its[rows], setting, angle)
        return network
    seen = described(angle, seed)[:, rows.numpy()]
    answers = (its.exercise if labels is None else labels)[rows].numpy()
    if who == "forest":
        model: Any = ExtraTreesClassifier(100, max_features=setting, random_state=seed)
    else:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=setting, max_iter=1_000)
        )
    return model.fit(seen.reshape(-1, seen.shape[2]), np.tile(answers, len(seen)))


def scores(model: Any, motion: Tensor) -> np.ndarray:
    """Probabilities of the exercises, ``(n, 7)``."""
    if isinstance(model, nn.Module):
        with torch.no_grad():
            return model(motion).softmax(dim=1).numpy()
    found: np.ndarray = model.predict_proba(motion_features(motion).numpy())
    return found


def tried(who: str, setting: float, angle: float) -> dict[str, Any]:
    """Accuracy in per cent with which each pair of people would choose this setting."""
    its, found = all_windows(), {it: [] for it in range(len(PAIRS))}
    for first, second in itertools.combinations(range(len(PAIRS)), 2):
        left_out = persons(its, (*PAIRS[first], *PAIRS[second]))
        model = learnt(who, setting, angle, ~left_out, seed=0)
        for chooser, judge in ((first, second), (second, first)):
            for person in PAIRS[judge]:
                rows = its[persons(its, [person])]
                right = scores(model, rows.motion).argmax(axis=1) == rows.exercise.numpy()
                found[chooser].append(100 * right.mean())
    return {f"for{it}": float(np.mean(values)) for it, values in found.items()}


def answered(
    who: str, person: int, seed: int, setting: float, angle: float
) -> dict[str, Any]:
    """What a method that learnt from the nine others answers for each window of a person."""
    its = all_windows()
    its_rows = persons(its, [person])
    model = learnt(who, setting, angle, ~its_rows, seed)
    if who == "convolutions" and seed == 0:
        study.keep(f"person{person}", model, model.config)
    answers = scores(model, its.motion[its_rows]).argmax(axis=1)
    right = answers == its.exercise[its_rows].numpy()
    return {"accuracy": 100 * float(right.mean()), "answers": "".join(map(str, answers))}


def run(study: lm.studies.Study, who: str) -> None:
    """The trials of a method, and its answers for each person with what was chosen for the pair."""
    trials = [(it, 20.0) for it in LADDERS[who]]
    trials += [(MIDDLE[who], it) for it in ANGLES if it != 20]
    rows = [study.row(tried, who=who, setting=a, angle=b) for a, b in trials]
    for pair, people in enumerate(PAIRS):
        best = max(rows, key=lambda row: row[f"for{pair}"])
        for person in people:
            for seed in range(SEEDS):
                its = dict(setting=best["setting"], angle=best["angle"])
                study.row(answered, who=who, person=person, seed=seed, **its)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things")
    for who in ("linear model", "convolutions"):
        run(study, who)
    study.save()
