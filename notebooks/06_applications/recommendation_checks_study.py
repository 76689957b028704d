"""Second study of the chapter "Recommendation": what its comparison depends on.

    make study NAME=06_applications/recommendation_checks

One thread, about five minutes, after the first study, whose settings it takes. The order of the
histories is destroyed. People who came back after six hours or more are asked for the first film
after that break and for the last one before it. All is cut at one moment for everyone. The
Transformer trains twice as long. A fifth of the films is new: known by title and genres alone.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import recommendation_study as base
import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.films import marked
from largemodels.models.factors import factorise
from largemodels.objectives.ranking import ndcg, places

BREAK = 6 * 3600  # seconds
COMPARED = ("popular", "ease", "recent", "counted", "sasrec")
CUT = 0.8  # of all ratings come before the moment
PENALTIES = tuple(10.0**it for it in range(-2, 5))  # of the map from contents to vectors
NEW = 0.2  # share of the films
# Release years are told in steps that end here: long ones first, single years at the end.
YEARS = (1940, 1950, 1960, 1970, 1980, 1985, *range(1990, 1999))


def settings(method: str) -> tuple[float, float]:
    """What the first study chose."""
    rows = lm.studies.load("06_applications/recommendation")
    its = rows[(rows.part == "test") & (rows.method == method)].iloc[0]
    return its["first"], its["second"]


def mixed(history: Tensor, person: int, seed: int) -> Tensor:
    """A history in random order."""
    return history[
        torch.from_numpy(np.random.default_rng([seed, 7, person]).permutation(len(history)))
    ]


def shuffled(method: str, draw: int, **training: Any) -> dict[str, Any]:
    """The last film, from all before it in random order, in training too."""
    whole = base.histories(draw)
    known = [mixed(it[:-1], person, draw) for person, it in enumerate(whole)]
    right = torch.stack([it[-1] for it in whole])
    scored = base.scores(method, *settings(method), known, known, seed=draw, **training)
    return {"check": "shuffled", **base.told(places(scored, right, known))}


def breaks() -> dict[int, int]:
    """Of people who came back: the place of the first film after their last break."""
    found = {}
    for person, times in enumerate(base.data().times):
        late = (times.diff() >= BREAK).nonzero().flatten()
        if len(late) and late[-1] >= 5:  # six films before the break, or more
            found[person] = int(late[-1]) + 1
    return found


def returned(method: str, draw: int) -> dict[str, Any]:
    """The last film before a break and the first after it; training has neither."""
    whole, at = base.histories(draw), breaks()
    known = [
        it[: at[person] - 1] if person in at else it[:-1] for person, it in enumerate(whole)
    ]
    # Both questions in one call: the model is the same.
    cuts = [(person, place - 1 + after) for after in (0, 1) for person, place in at.items()]
    asked = [whole[person][:place] for person, place in cuts]
    right = torch.stack([whole[person][place] for person, place in cuts])
    found = places(
        base.scores(method, *settings(method), known, asked, seed=draw), right, asked
    )
    before, after = (base.told(it) for it in found.chunk(2))
    return {
        "check": "break",
        **{f"{name} before": it for name, it in before.items()},
        **after,
    }


def cut(method: str, **training: Any) -> dict[str, Any]:
    """The first film after one moment, the same for all, of people who had rated five before it."""
    whole, moment = base.histories(0), torch.cat(base.data().times).double().quantile(CUT)
    before = [int((times < moment).sum()) for times in base.data().times]
    known = [it[:n] for it, n in zip(whole, before, strict=True) if n > 0]
    asked, right = [], []
    for it, n in zip(whole, before, strict=True):
        if 5 <= n < len(it):
            asked.append(it[:n])
            right.append(it[n])
    scores = base.scores(method, *settings(method), known, asked, **training)
    return {"check": "one moment", **base.told(places(scores, torch.stack(right), asked))}


def longer(draw: int) -> dict[str, Any]:
    """The Transformer with twice as many steps."""
    whole = base.histories(draw)
    known, right = [it[:-1] for it in whole], torch.stack([it[-1] for it in whole])
    context, dropout = settings("sasrec")
    model = base.sasrec(known, int(context), dropout, draw, 2 * base.STEPS)
    with torch.no_grad():
        scores = torch.cat(
            [
                model(model.padded(known[it : it + 64]))[:, -1]
                for it in range(0, len(known), 64)
            ]
        )
    return {"check": "twice as long", **base.told(places(scores, right, known))}


@functools.cache
def contents(kind: str) -> Tensor:
    """What is known of films without ratings, (films, width); several kinds are joined by "+".

    Titles end with the year of release; words are titles without it.
    """
    if kind == "both":
        return contents("genres+titles")
    if "+" in kind:
        return torch.cat([contents(it) for it in kind.split("+")], dim=1)
    if kind == "genres":
        genres = base.data().genres.double()
        return genres / genres.norm(dim=1, keepdim=True).clamp(min=1)
    names = [base.data().readable(it) for it in range(len(base.data().titles))]
    parted = [re.fullmatch(r"(.+?)(?: \((\d{4})\)(?: \(V\))?)?", it) for it in names]
    if kind == "year":
        bins = [np.digitize(int(it[2]), YEARS) if it and it[2] else -1 for it in parted]
        return F.one_hot(torch.tensor(bins) + 1)[:, 1:].double()  # none without a year
    if kind == "words":
        names = [it[1] if it else name for it, name in zip(parted, names, strict=True)]
    return lm.load_minilm().embed(names).double()


def mapped(given: Tensor, items: Tensor, old: Tensor, penalty: float) -> Tensor:
    """Vectors of all films, from contents, by ridge regression on those of the old ones."""
    x = torch.cat([given, torch.ones(len(given), 1, dtype=given.dtype)], dim=1)
    left = x[old].T @ x[old] + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    return x @ torch.linalg.solve(left, x[old].T @ items[old])


def questions(new: Tensor) -> tuple[list[int], Tensor, list[Tensor]]:
    """Who has rated a new film, the last that each has, and what is not ranked.

    Not ranked are old films, and the other new ones that a person has rated.
    """
    rows, right, away = [], [], []
    for person, it in enumerate(base.histories(0)):
        if new[it].any():
            *others, last = it[new[it]]
            rows.append(person)
            right.append(last)
            away.append(
                torch.cat(
                    [(~new).nonzero().flatten(), torch.tensor(others, dtype=torch.long)]
                )
            )
    return rows, torch.stack(right), away


@functools.cache
def parts(draw: int) -> tuple[Tensor, Tensor]:
    """Which films are new in the test, and which are taken for new to choose a penalty."""
    part = torch.from_numpy(
        np.random.default_rng([draw, 8]).random(len(base.data().titles))
    )
    return part < NEW, (part >= NEW) & (part < 2 * NEW)


@functools.cache
def learnt(draw: int, choosing: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors of people and films from old films alone, and which these are."""
    new, judge = parts(draw)
    old = ~(new | judge) if choosing else ~new
    penalty, unseen = settings("factors")
    table = marked([it[old[it]] for it in base.histories(0)], len(new))
    people, items = factorise(table, 64, penalty=penalty, unseen=unseen, seed=draw)
    return people, items, old & (table.sum(dim=0) > 0)


def from_contents(kind: str, draw: int, choosing: bool, ridge: float) -> Tensor:
    """Places of new films whose vectors are guessed."""
    people, items, old = learnt(draw, choosing)
    scores = people @ mapped(contents(kind), items, old, ridge).T
    rows, right, away = questions(parts(draw)[choosing])
    return places(scores[rows], right, away)


def new_films(kind: str, draw: int) -> dict[str, Any]:
    """The last of a person's new films among all new ones, for people who rated one."""
    if kind in ("chance", "seen"):
        rows, right, away = questions(parts(draw)[0])
        scores = torch.zeros(len(rows), len(base.data().titles))
        if kind == "seen":  # as if others had rated the new films for long
            asked = dict(zip(rows, right.tolist(), strict=True))
            known = [
                it[it != asked.get(person, -1)]
                for person, it in enumerate(base.histories(0))
            ]
            scores = base.scores("factors", *settings("factors"), known, known, draw)[rows]
        return {"check": "new films", **base.told(places(scores, right, away))}
    # New films of the test are gone while the penalty is chosen on others.
    tried = {
        it: float(ndcg(from_contents(kind, draw, True, it), 10).mean()) for it in PENALTIES
    }
    ridge = max(tried, key=lambda it: tried[it])
    if ridge in (PENALTIES[0], PENALTIES[-1]):
        print(f"{kind}: the best penalty, {ridge}, is at the edge.")
    found = from_contents(kind, draw, False, ridge)
    return {"check": "new films", "penalty": ridge, **base.told(found)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/recommendation_checks")
    for draw in range(base.DRAWS):
        for method in COMPARED:
            study.row(returned, method=method, draw=draw)
            if method != "popular":
                study.row(shuffled, method=method, draw=draw)
        for kind in ("chance", "genres", "titles", "both", "seen"):
            study.row(new_films, kind=kind, draw=draw)
    for penalty in (5, 25):  # a weight of unseen films beyond the first study's grid
        study.row(base.validated, method="factors", first=penalty, second=25)
    for method in COMPARED:
        study.row(cut, method=method)
    study.row(longer, draw=0)
    study.save()
