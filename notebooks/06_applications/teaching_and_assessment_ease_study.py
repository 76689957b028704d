"""Fourth study of the chapter "Teaching and assessment": the weight of a problem's ease, tuned.

    make study NAME=06_applications/teaching_and_assessment_ease

One thread, about five minutes. The regression's penalty on problems was tuned in the first study,
the shrinkage of the ease that a network starts from was not. Here it is, for DKT (mean of three
seeds) and SAKT, and for fewer students; the regression's problem columns get a scale, so that
their penalty may differ from that of the other columns. Then the tests with what was chosen, the
mean of two methods, and repeated rows for a regression whose average hardly remembers.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from teaching_and_assessment_study import (
    BATCH,
    LONGEST,
    SEEDS,
    area,
    boosted,
    chances,
    draws,
    parts,
    tensors,
    tested,
)

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.answers import answer_batches, problem_ease
from largemodels.models.answer_counts import answer_design
from largemodels.models.dkt import DKT, DKTConfig
from largemodels.models.sakt import SAKT, SAKTConfig

PRIORS = (5.0, 10.0, 20.0, 40.0, 80.0)
RATES = (3e-3, 3e-2)  # of SAKT, beside 1e-2
SCALES = ((0.3, 0.5), (0.3, 1.0), (0.3, 2.0), (1.0, 0.5), (0.1, 2.0))  # penalty C, scale
FEW_SCALES = ((0.1, 0.5), (0.1, 1.0), (0.1, 2.0), (0.3, 0.5), (0.3, 1.0), (0.3, 2.0))


def network(kind: str, data: dict[str, Any], seed: int, **settings: Any) -> Any:
    """A trained DKT or SAKT whose ease starts from problems shrunk by ``prior`` answers."""
    torch.manual_seed(seed)
    n_skills, n_problems = data["n_skills"], data["n_problems"]
    if kind == "dkt":
        model: Any = DKT(DKTConfig(n_skills, n_problems, 64, 0.25, False))
    else:
        model = SAKT(SAKTConfig(n_skills, n_problems, LONGEST, 64, 4, 0.25, False))
    with torch.no_grad():
        model.ease.weight[:, 0] = problem_ease(
            data["training"], n_problems, settings["prior"]
        )
    steps = int(settings.get("steps", 300))
    config = lm.TrainingConfig(
        steps,
        settings["rate"],
        warmup_steps=20,
        weight_decay=0.1,
        evaluate_every=steps,
    )
    lm.train(model, answer_batches(data["training"], BATCH, seed), config)
    return model


@functools.cache
def design(part: str, n_students: int, draw: int) -> Any:
    """What the regression sees."""
    data = parts(n_students or None, draw)
    return answer_design(
        *tensors(data[part]), data["n_skills"], data["n_problems"], keep_all=0.7
    )


def counted(part: str, n_students: int, draw: int, C: float, scale: float) -> np.ndarray:
    """What the regression says, its problem columns scaled."""
    data = parts(n_students or None, draw)
    seen, asked = design("training", n_students, draw), design(part, n_students, draw)
    size = np.ones(seen.shape[1])
    size[-data["n_problems"] :] = scale
    model = LogisticRegression(C=C, max_iter=2000)
    model.fit(seen @ sparse.diags(size), data["training"].right[data["training"].real])
    return model.predict_proba(asked @ sparse.diags(size))[:, 1]


def said(
    method: str, part: str, n_students: int, draw: int, seed: int, **settings: Any
) -> np.ndarray:
    """What a method says."""
    if method == "counts":
        return counted(part, n_students, draw, **settings)
    data = parts(n_students or None, draw)
    return chances(network(method, data, seed, **settings), data[part])


def measured(part: str, chance: np.ndarray, full: bool) -> dict[str, Any]:
    """Loss and area, and the area over draws if wanted."""
    data = parts()
    right = data[part].right[data[part].real].numpy()
    found = {"part": part, "loss": log_loss(right, chance)}
    if full:
        return found | draws(data[part], data["groups"], chance)
    order = np.argsort(chance, kind="stable")
    return found | {"auc": area(chance[order], right[order], np.ones(len(right)))}


def trial(
    method: str, seed: int = 0, n_students: int = 0, **settings: Any
) -> dict[str, Any]:
    """A trial on the students of the validation."""
    return measured(
        "validation", said(method, "validation", n_students, 0, seed, **settings), False
    )


def test(
    method: str, seed: int = 0, n_students: int = 0, **settings: Any
) -> dict[str, Any]:
    """The test; with fewer students each seed has its own draw of them."""
    draw = seed if n_students else 0
    return measured("test", said(method, "test", n_students, draw, seed, **settings), True)


def together(
    pair: str, seed: int, counts: dict[str, Any], dkt: dict[str, Any]
) -> dict[str, Any]:
    """The mean of the logarithmic odds of the regression and of another."""
    if pair == "counts and dkt":
        other = said("dkt", "test", 0, 0, seed, **dkt)
    else:
        other = boosted(parts(), "test", seed, rate=0.05, leaves=63)
    both = [counted("test", 0, 0, **counts), other]
    mean = np.mean([np.log(it / (1 - it)) for it in both], axis=0)
    return measured("test", 1 / (1 + np.exp(-mean)), True)


def repeated(keep_all: float) -> dict[str, Any]:
    """Training and test with repeated rows, the regression's average nearly the last answer."""
    found = tested("counts", 0, repeated=True, told=False, C=0.3, keep_all=keep_all)
    return {"check": "repeated"} | {it: found[it] for it in ("auc", "loss", "n")}


def best_of(
    study: Study, method: str, tries: list[dict[str, Any]], seeds: int = 1, n: int = 0
) -> dict[str, Any]:
    """The settings with the largest mean area on validation."""

    def mean(settings: dict[str, Any]) -> float:
        told = [
            study.row(trial, method=method, seed=seed, n_students=n, **settings)
            for seed in range(seeds)
        ]
        return float(np.mean([row["auc"] for row in told]))

    best = max(tries, key=mean)
    print(method, n, best, flush=True)
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_ease")
    scales = [{"C": C, "scale": scale} for C, scale in SCALES]
    counts = best_of(study, "counts", scales)
    dkt = best_of(study, "dkt", [{"rate": 1e-2, "prior": it} for it in PRIORS], SEEDS)
    study.row(test, method="counts", seed=0, n_students=0, **counts)
    for seed in range(SEEDS):
        study.row(test, method="dkt", seed=seed, n_students=0, **dkt)
    for pair in ("counts and dkt", "counts and boosted"):
        for seed in range(SEEDS):
            study.row(together, pair=pair, seed=seed, counts=counts, dkt=dkt)
    few_scales = [{"C": C, "scale": scale} for C, scale in FEW_SCALES]
    for n, steps in ((400, (100, 150)), (100, (35, 60))):
        for method, tries in (
            ("counts", few_scales),
            (
                "dkt",
                [
                    {"rate": 1e-2, "prior": prior, "steps": it}
                    for prior in PRIORS[1:]
                    for it in steps
                ],
            ),
        ):
            best = best_of(study, method, tries, n=n)
            for seed in range(SEEDS):
                study.row(test, method=method, seed=seed, n_students=n, **best)
    first = best_of(study, "sakt", [{"rate": 1e-2, "prior": it} for it in PRIORS[:4]])
    sakt = best_of(study, "sakt", [first, *(first | {"rate": it} for it in RATES)])
    for seed in range(SEEDS):
        study.row(test, method="sakt", seed=seed, n_students=0, **sakt)
    study.row(repeated, keep_all=0.05)
    study.save()
