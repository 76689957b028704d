"""First study of the chapter "Teaching and assessment": who foretells the next answer best?

    make study NAME=06_applications/teaching_and_assessment

One thread, about ten minutes. The first 100 answers of each student with ten answers or more.
Students are drawn once: 900 for the test, 450 to choose settings, the others for training. The
four main methods have twelve trials each: a grid of three times three, then three more around its
best. Settings are chosen by the area under the ROC curve on the 450. Networks are tested with
three seeds, boosted trees with three draws of the folds behind their rates. Each row of the test
has this area for 400 draws of the test's students, and for 400 of their classes, the same draws
for all methods.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.answers import (
    Sequences,
    answer_batches,
    problem_ease,
    sequences,
    student_answers,
)
from largemodels.models.answer_counts import answer_design
from largemodels.models.bkt import BKT
from largemodels.models.dkt import DKT, DKTConfig
from largemodels.models.sakt import SAKT, SAKTConfig

LEAST, LONGEST, TEST, VALIDATION = 10, 100, 900, 450
BATCH, DRAWS, SEEDS = 32, 400, 3
OLD = (0, 1, 2, 3)  # the counts that do not ask when
# First grid and later trials: names of two settings, their values, and others to try at the best.
GRIDS: dict[str, tuple[dict[str, tuple[float, ...]], list[dict[str, float]]]] = {
    "counts": (
        {"C": (0.1, 0.3, 1.0), "keep_all": (0.5, 0.7, 0.85)},
        [{"keep_skill": 0.3}, {"keep_skill": 0.5}, {"keep_skill": 0.85}],
    ),
    "boosted": (
        {"rate": (0.02, 0.05, 0.12), "leaves": (31, 63, 127)},
        [{"rounds": 100}, {"rounds": 400}, {"least": 30}],
    ),
    "dkt": (
        {"rate": (3e-3, 1e-2, 3e-2), "dropout": (0.25, 0.5, 0.75)},
        [{"width": 128}, {"steps": 200}, {"steps": 450}],
    ),
    "sakt": (
        {"rate": (3e-4, 1e-3, 3e-3), "dropout": (0.1, 0.25, 0.5)},
        [{"width": 32}, {"steps": 150}, {"steps": 450}],
    ),
}


@functools.cache
def table(repeated: bool = False) -> pd.DataFrame:
    """Answers of students with enough of them."""
    found = student_answers(repeated=repeated)
    often = found.drop_duplicates("order").groupby("student").size()
    return found[found.student.isin(often.index[often >= LEAST])].reset_index(drop=True)


@functools.cache
def parts(
    n_students: int | None = None, draw: int = 0, repeated: bool = False
) -> dict[str, Any]:
    """Answers for training, validation and test, and what numbers skills and problems have."""
    some = table(repeated)
    order = np.sort(some.student.unique())
    np.random.default_rng(0).shuffle(order)  # the same split in all rows
    test, validation, training = np.split(order, [TEST, TEST + VALIDATION])
    if n_students is not None:
        training = np.random.default_rng([1, draw]).permutation(training)[:n_students]
    known = some.student.isin(training)
    answers = sequences(some, known, LONGEST)
    rows = {it: row for row, it in enumerate(some.student.unique())}

    def of(people: np.ndarray) -> Sequences:
        return answers.part(torch.tensor([rows[it] for it in people]))

    groups = some.groupby("student").group.first()[test].to_numpy()
    return {
        "training": of(training),
        "validation": of(validation),
        "test": of(test),
        "groups": groups,
        "n_skills": int(answers.skills.max()) + 1,
        "n_problems": int(answers.problems.max()) + 1,
    }


def tensors(answers: Sequences) -> tuple[Tensor, ...]:
    """In the order in which models take them."""
    return answers.skills, answers.problems, answers.right, answers.real


def chances(model: Any, answers: Sequences, told: bool = True) -> np.ndarray:
    """What a network says of all answers, student by student."""
    model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(answers), 100):
            some = answers.part(slice(start, start + 100))
            if isinstance(model, BKT):
                said = model(some.skills, some.right)
            else:
                said = model.chances(
                    some.skills, some.right, some.problems if told else None
                )
            found.append(said[some.real])
    return torch.cat(found).double().clamp(1e-6, 1 - 1e-6).numpy()


def network(kind: str, data: dict[str, Any], seed: int, **settings: Any) -> Any:
    """A trained DKT, SAKT or BKT."""
    torch.manual_seed(seed)
    told = settings.get("told", True)
    problems = data["n_problems"] if told else None
    width, dropout = int(settings.get("width", 64)), settings.get("dropout", 0.5)
    steps, decay = int(settings.get("steps", 300)), 0.1
    moves = settings.get("moves", True)  # whether a problem's ease moves the vectors
    if kind == "dkt":
        model: Any = DKT(DKTConfig(data["n_skills"], problems, width, dropout, moves))
    elif kind == "sakt":
        model = SAKT(
            SAKTConfig(data["n_skills"], problems, LONGEST, width, 4, dropout, moves)
        )
    else:
        model, decay, told = BKT(data["n_skills"]), 0.0, False
    if told:
        with torch.no_grad():
            model.ease.weight[:, 0] = problem_ease(data["training"], problems)
    config = lm.TrainingConfig(
        steps,
        settings["rate"],
        warmup_steps=20,
        weight_decay=decay,
        evaluate_every=steps,
    )
    lm.train(model, answer_batches(data["training"], BATCH, seed), config)
    return model


def rates(
    codes: np.ndarray, right: np.ndarray, fold: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How often a skill or problem is answered right: in other folds, and for other students."""

    def smooth(rows: np.ndarray) -> np.ndarray:
        n = max(codes.max(), asked.max()) + 1
        solved = np.bincount(codes[rows], right[rows], n) + 10 * right.mean()
        return solved / (np.bincount(codes[rows], minlength=n) + 10)

    own = np.empty(len(codes))
    for it in np.unique(fold):
        own[fold == it] = smooth(fold != it)[codes[fold == it]]
    return own, smooth(np.ones(len(codes), bool))[asked]


def counted(data: dict[str, Any], part: str, seed: int = 0, **settings: Any) -> np.ndarray:
    """What a logistic regression of counts says."""
    told, columns = settings.get("told", True), settings.get("columns")
    keep = {it: settings[it] for it in ("keep_skill", "keep_all") if it in settings}
    sizes = (data["n_skills"], data["n_problems"] if told else None, columns)
    model = LogisticRegression(C=settings["C"], max_iter=2000)
    training = data["training"]
    model.fit(
        answer_design(*tensors(training), *sizes, **keep), training.right[training.real]
    )
    return model.predict_proba(answer_design(*tensors(data[part]), *sizes, **keep))[:, 1]


def boosted(data: dict[str, Any], part: str, seed: int = 0, **settings: Any) -> np.ndarray:
    """What boosted trees say of the counts and of the rates of skill and problem."""
    training, asked = data["training"], data[part]
    fold = np.random.default_rng(seed).integers(5, size=len(training))
    fold = np.repeat(fold, training.real.sum(dim=1).numpy())
    right = training.right[training.real].double().numpy()
    own, others = [], []
    for it in ("skills", "problems"):
        pair = (getattr(training, it)[training.real], getattr(asked, it)[asked.real])
        one, two = rates(pair[0].numpy(), right, fold, pair[1].numpy())
        own.append(one)
        others.append(two)
    n_counts = 9
    seen, wanted = (
        answer_design(*tensors(some), data["n_skills"])[:, :n_counts].toarray()
        for some in (training, asked)
    )
    model = HistGradientBoostingClassifier(
        learning_rate=settings["rate"],
        max_leaf_nodes=int(settings["leaves"]),
        max_iter=int(settings.get("rounds", 200)),
        min_samples_leaf=int(settings.get("least", 100)),
        early_stopping=False,
        random_state=seed,
    )
    model.fit(np.column_stack([seen, *own]), right)
    return model.predict_proba(np.column_stack([wanted, *others]))[:, 1]


def averaged(data: dict[str, Any], part: str, **_: Any) -> np.ndarray:
    """The share of right answers so far, with two more answers at the common share."""
    mean = data["training"].right[data["training"].real].double().mean()
    answers = data[part]
    before = answers.right.cumsum(dim=1) - answers.right
    n = torch.arange(answers.right.shape[1])
    return ((before + 2 * mean) / (n + 2))[answers.real].numpy()


def said(
    method: str, data: dict[str, Any], part: str, seed: int = 0, **settings: Any
) -> np.ndarray:
    """Probabilities of right answers by a method."""
    plain: dict[str, Callable[..., np.ndarray]] = {
        "counts": counted,
        "boosted": boosted,
        "average": averaged,
    }
    if method in plain:
        return plain[method](data, part, seed=seed, **settings)
    model = network(method, data, seed, **settings)
    return chances(model, data[part], settings.get("told", True) and method != "bkt")


def area(chance: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """The area under the ROC curve, ties counted half, of weighted answers sorted by chance."""
    start = np.flatnonzero(np.diff(chance, prepend=-1.0))
    good = np.add.reduceat(weight * right, start)
    bad = np.add.reduceat(weight * (1 - right), start)
    below = np.cumsum(bad) - bad / 2
    return float((good * below).sum() / (good.sum() * bad.sum()))


def draws(answers: Sequences, groups: np.ndarray, chance: np.ndarray) -> dict[str, Any]:
    """The area, and what it is for draws of students and of classes, the same for all methods."""
    order = np.argsort(chance, kind="stable")
    right = answers.right[answers.real].double().numpy()[order]
    student = np.repeat(np.arange(len(answers)), answers.real.sum(dim=1).numpy())[order]
    chance = chance[order]
    numbers = pd.factorize(groups)[0]
    found: dict[str, Any] = {"auc": area(chance, right, np.ones(len(right)))}
    for name, units in (("students", np.arange(len(answers))), ("classes", numbers)):
        random = np.random.default_rng(2)
        n = units.max() + 1
        again = [
            np.bincount(random.integers(n, size=n), minlength=n)[units][student]
            for _ in range(DRAWS)
        ]
        found[name] = " ".join(f"{area(chance, right, it):.5f}" for it in again)
    return found


def validated(method: str, n_students: int = 0, **settings: Any) -> dict[str, Any]:
    """A trial."""
    data = parts(n_students or None)
    chance = said(method, data, "validation", **settings)
    right = data["validation"].right[data["validation"].real].numpy()
    order = np.argsort(chance, kind="stable")
    auc = area(chance[order], right[order], np.ones(len(right)))
    return {"part": "validation", "loss": log_loss(right, chance), "auc": auc}


def tested(
    method: str, seed: int, n_students: int = 0, repeated: bool = False, **settings: Any
) -> dict[str, Any]:
    """The test."""
    data = parts(n_students or None, seed if n_students else 0, repeated)
    chance = said(method, data, "test", seed, **settings)
    right = data["test"].right[data["test"].real].numpy()
    loss = log_loss(right, chance)
    return {
        "part": "test",
        "loss": loss,
        "n": len(right),
        **draws(data["test"], data["groups"], chance),
    }


def together(seed: int, counts: dict[str, Any], dkt: dict[str, Any]) -> dict[str, Any]:
    """The mean of the logarithmic odds of regression and network."""
    data = parts()
    both = [
        said(it, data, "test", seed, **settings)
        for it, settings in (("counts", counts), ("dkt", dkt))
    ]
    mean = np.mean([np.log(it / (1 - it)) for it in both], axis=0)
    chance = 1 / (1 + np.exp(-mean))
    right = data["test"].right[data["test"].real].numpy()
    loss = log_loss(right, chance)
    return {"part": "test", "method": "both", "loss": loss} | draws(
        data["test"], data["groups"], chance
    )


def chosen(study: Study, method: str) -> dict[str, Any]:
    """The best of a method's trials."""
    grid, later = GRIDS[method]
    tried = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]

    def auc(settings: dict[str, Any]) -> float:
        return float(study.row(validated, method=method, **settings)["auc"])

    best = max(tried, key=auc)
    for name, values in grid.items():
        if best[name] in (values[0], values[-1]):
            print(f"{method}: the best {name}, {best[name]}, is at the edge of its grid.")
    return max([best, *(best | it for it in later)], key=auc)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment")
    best = {method: chosen(study, method) for method in GRIDS}
    for method, settings in best.items():
        for seed in range(1 if method == "counts" else SEEDS):
            study.row(tested, method=method, seed=seed, **settings)
    study.row(tested, method="average", seed=0)
    tries = [{"rate": 0.05, "steps": it} for it in (100, 200, 400)]
    slow = max(tries, key=lambda it: study.row(validated, method="bkt", **it)["auc"])
    study.row(tested, method="bkt", seed=0, **slow)
    # Counts of the skill alone, and all counts without the problem and without when.
    for more in (
        {"columns": (0, 1), "told": False},
        {"told": False, **{it: v for it, v in best["counts"].items() if it != "C"}},
        {"columns": OLD},
    ):
        tries = [{"C": it, **more} for it in (0.03, 0.1, 0.3, 1.0, 3.0)]
        few = max(tries, key=lambda it: study.row(validated, method="counts", **it)["auc"])
        study.row(tested, method="counts", seed=0, **few)
    for seed in range(SEEDS):
        study.row(tested, method="dkt", seed=seed, told=False, **best["dkt"])
        study.row(together, seed=seed, counts=best["counts"], dkt=best["dkt"])
    study.save()
