"""First study of the chapter "Recommendation": settings of six methods, and the comparison.

    make study NAME=06_applications/recommendation

One thread, about six minutes. Of each person's films the last is the test, the one before it
chooses settings. Each method has nine trials (the most popular films have no setting), around the
best of a first, wider search; the best by NDCG at 10 may not lie at an edge of its grid, other
than a dropout of 0. The comparison is repeated in three draws: films of one second come in
another random order, and the Transformer begins with other weights. The third study goes on with
the Transformer's training.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.films import films, marked, stretches
from largemodels.models.ease import ease
from largemodels.models.factors import factorise, solved
from largemodels.objectives.ranking import ndcg, places, recall

STEPS, BATCH, RATE, WIDTH = 800, 32, 5e-3, 64  # of the Transformer and its training
DRAWS = 3
# Of each method: what its two settings are, and the values that were tried.
GRIDS: dict[str, dict[str, Sequence[float]]] = {
    "factors": {"penalty": (1, 5, 25), "unseen": (0.2, 1, 5)},
    "ease": {"penalty": tuple(10 * 2**it for it in range(9)), "decay": (1,)},
    "recent": {"penalty": (100, 400, 1600), "decay": (0.94, 0.88, 0.8)},
    "counted": {"decay": (0.7, 0.8, 0.88), "power": (0.5, 1, 1.5)},
    "sasrec": {"context": (8, 16, 32), "dropout": (0, 0.1, 0.3)},
}
Histories = list[Tensor]


@functools.cache
def data() -> Any:
    """MovieLens."""
    return films()


@functools.cache
def histories(draw: int) -> Histories:
    """What people rated, in order; from draw 1 on, films of one second are in a random order."""
    if draw == 0:
        return list(data().histories)
    found = []
    for person, (history, times) in enumerate(
        zip(data().histories, data().times, strict=True)
    ):
        chance = torch.from_numpy(
            np.random.default_rng([draw, person]).random(len(history))
        )
        order = sorted(
            range(len(history)), key=lambda it, t=times, c=chance: (int(t[it]), c[it])
        )
        found.append(history[order])
    return found


def sasrec(
    known: Histories,
    context: int,
    dropout: float,
    seed: int,
    steps: int = STEPS,
    rate: float = RATE,
    width: int = WIDTH,
    by_length: bool = False,
) -> Any:
    """A SASRec trained on histories."""
    torch.manual_seed(seed)
    sizes = lm.SASRecConfig(
        len(data().titles), int(context), width, activation="gelu", dropout=dropout
    )
    model = lm.SASRec(sizes)
    config = lm.TrainingConfig(
        steps,
        rate,
        warmup_steps=min(20, steps),
        weight_decay=0.0,
        betas=(0.9, 0.98),
        evaluate_every=steps,
    )
    batches = stretches(
        known,
        int(context) + 1,
        BATCH,
        padding=model.padding,
        by_length=by_length,
        seed=seed,
    )
    lm.train(model, batches, config)
    return model.eval()


@torch.no_grad()
def scores(
    method: str,
    first: float,
    second: float,
    known: Histories,
    asked: Histories,
    seed: int = 0,
    **training: Any,
) -> Tensor:
    """What a method that learns from some histories says for others, (people, films).

    Settings of training replace those of the Transformer.
    """
    n_films = len(data().titles)
    seen = marked(known, n_films)
    if method == "popular":
        return seen.sum(dim=0).expand(len(asked), -1)
    if method == "factors":
        settings = {"penalty": first, "unseen": second}
        _, items = factorise(seen, 64, seed=seed, **settings)
        return solved(marked(asked, n_films), items, **settings) @ items.T
    if method in ("ease", "recent"):
        return marked(asked, n_films, second).double() @ ease(seen, first)
    if method == "counted":
        config = lm.TransitionsConfig(n_films, window=20, decay=first, power=second)
        return lm.Transitions(config, known).scores(asked)
    with torch.enable_grad():
        model = sasrec(
            known, **{"context": int(first), "dropout": second, "seed": seed, **training}
        )
    return torch.cat(
        [model(model.padded(asked[it : it + 64]))[:, -1] for it in range(0, len(asked), 64)]
    )


def told(found: Tensor) -> dict[str, Any]:
    """Measures of some places, and the places themselves, as words."""
    return {
        "ndcg": float(ndcg(found, 10).mean()),
        "recall": float(recall(found, 10).mean()),
        "above": " ".join(str(it) for it in found[:, 0].tolist()),
        "tied": " ".join(str(it) for it in found[:, 1].tolist()),
    }


def validated(
    method: str, first: float, second: float, seed: int = 0, **training: Any
) -> dict[str, Any]:
    """A trial: the film before the last, from those before it."""
    known = [it[:-2] for it in histories(0)]
    right = torch.stack([it[-2] for it in histories(0)])
    scored = scores(method, first, second, known, known, seed, **training)
    row = told(places(scored, right, known))
    return {"part": "validation", "ndcg": row["ndcg"], "recall": row["recall"]}


def tested(
    method: str, first: float, second: float, draw: int, **training: Any
) -> dict[str, Any]:
    """The last film, from all before it."""
    known = [it[:-1] for it in histories(draw)]
    right = torch.stack([it[-1] for it in histories(draw)])
    scored = scores(method, first, second, known, known, seed=draw, **training)
    return {"part": "test", **told(places(scored, right, known))}


def chosen(study: Study, method: str) -> tuple[float, float]:
    """The best of a method's trials, which lies inside its grid."""
    (one, firsts), (two, seconds) = GRIDS[method].items()
    tried = {
        it: study.row(validated, method=method, first=it[0], second=it[1])
        for it in product(firsts, seconds)
    }
    best = max(tried, key=lambda it: tried[it]["ndcg"])
    for name, value, values in ((one, best[0], firsts), (two, best[1], seconds)):
        if len(values) > 1 and value in (values[0], values[-1]):
            print(f"{method}: the best {name}, {value}, is at the edge of its grid.")
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/recommendation")
    best = {"popular": (0, 0)} | {method: chosen(study, method) for method in GRIDS}
    for method, (first, second) in best.items():
        for draw in range(DRAWS):
            study.row(tested, method=method, first=first, second=second, draw=draw)
    study.save()
