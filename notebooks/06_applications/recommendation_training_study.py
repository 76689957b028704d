"""Third study of the chapter "Recommendation": the Transformer's training, a sitting, and years.

    make study NAME=06_applications/recommendation_training

One thread, about eight minutes, after the other two. The Transformer gets further trials, two
starts each: whether people are drawn by the length of their histories, learning rate, width, films
read, dropout and steps, one after the other, each going on from the best so far; the best has a
worse neighbour on either side, other than a dropout of 0. What was chosen repeats the comparison,
with people drawn either way, and the checks. People who came back after a break are asked for the
next three films. New films are described with their year of release, and by titles without it.
"""

from __future__ import annotations

import functools
from itertools import product
from typing import Any

import numpy as np
import recommendation_checks_study as checks
import recommendation_study as base
import torch
from torch import Tensor

from largemodels.book.studies import Study, best_inside
from largemodels.objectives.ranking import places

STARTS = 2
LADDERS: dict[str, tuple[Any, ...]] = {
    "by_length": (False, True),
    "rate": (6.25e-4, 1.25e-3, 2.5e-3, 5e-3, 1e-2, 2e-2),
    "width": (16, 32, 64, 128, 256),
    "context": (4, 8, 16, 32, 64),
    "dropout": (0, 0.1),
    "steps": (200, 400, 800, 1600, 3200, 6400),
}
KINDS = ("genres+year", "genres+words", "genres+year+words")


def tried(seed: int, context: int, dropout: float, **training: Any) -> dict[str, Any]:
    """A trial of the Transformer."""
    return base.validated("sasrec", context, dropout, seed=seed, **training)


def chosen(study: Study) -> dict[str, Any]:
    """The Transformer's best settings."""
    context, dropout = checks.settings("sasrec")
    best: dict[str, Any] = {
        "by_length": False,
        "rate": base.RATE,
        "width": base.WIDTH,
        "context": int(context),
        "dropout": int(dropout),
        "steps": base.STEPS,
    }

    @functools.cache
    def loss(**settings: Any) -> float:
        """Minus the mean NDCG over the starts."""
        found = [study.row(tried, seed=it, **settings)["ndcg"] for it in range(STARTS)]
        return -float(np.mean(found))

    for name, ladder in LADDERS.items():

        def score(value: Any, name: str = name) -> float:
            return loss(**{**best, name: value})

        if len(ladder) == 2:
            best[name] = min(ladder, key=score)
        else:
            best[name] = best_inside(ladder, [best[name]], score)
        print(name, best[name])
    return best


def sitting(method: str, draw: int, **training: Any) -> dict[str, Any]:
    """The last film before a break and the next three; training has none of them.

    Films that were rated after yet another break are missing: their places are -1.
    """
    whole, at = base.histories(draw), checks.breaks()
    known = [
        it[: at[person] - 1] if person in at else it[:-1] for person, it in enumerate(whole)
    ]
    row: dict[str, Any] = {"check": "sitting"}
    cuts: list[tuple[int, int]] = []
    there: dict[str, list[bool]] = {}
    for after, name in enumerate((" before", "", " second", " third"), start=-1):
        there[name] = []
        for person, place in at.items():
            times = base.data().times[person][place : place + after + 1]
            goes_on = len(times) > after and bool((times.diff() < checks.BREAK).all())
            there[name].append(goes_on or after < 1)
            if there[name][-1]:
                cuts.append((person, place + after))
    asked = [whole[person][:place] for person, place in cuts]
    right = torch.stack([whole[person][place] for person, place in cuts])
    scored = base.scores(
        method, *checks.settings(method), known, asked, seed=draw, **training
    )
    found = places(scored, right, asked)
    for name, its in there.items():
        all_places = torch.full((len(its), 2), -1)
        all_places[torch.tensor(its)], found = found[: sum(its)], found[sum(its) :]
        row |= {
            f"above{name}": words(all_places[:, 0]),
            f"tied{name}": words(all_places[:, 1]),
        }
    return row


def words(numbers: Tensor) -> str:
    """Numbers as one text."""
    return " ".join(str(it) for it in numbers.tolist())


def new_films(kind: str, draw: int) -> dict[str, Any]:
    """As in the second study, with the people who were asked."""
    people, _, _ = checks.questions(checks.parts(draw)[0])
    return {**checks.new_films(kind, draw), "people": words(torch.tensor(people))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/recommendation_training")
    best = chosen(study)
    context, dropout = best.pop("context"), best.pop("dropout")
    for draw, by_length in product(
        range(base.DRAWS), (best["by_length"], not best["by_length"])
    ):
        its = {**best, "by_length": by_length}
        study.row(
            base.tested, method="sasrec", first=context, second=dropout, draw=draw, **its
        )
    best |= {"context": context, "dropout": dropout}
    for draw in range(base.DRAWS):
        for kind in KINDS:
            study.row(new_films, kind=kind, draw=draw)
        for method in checks.COMPARED:
            study.row(
                sitting, method=method, draw=draw, **(best if method == "sasrec" else {})
            )
        study.row(checks.shuffled, method="sasrec", draw=draw, **best)
    study.row(checks.cut, method="sasrec", **best)
    study.save()
