"""Fourth study of the chapter "Recommendation": settings chosen anew where they had been kept.

    make study NAME=06_applications/recommendation_more

One thread, about six minutes, after the other three. In the second and third draw the film before
the last chooses settings anew: the counting methods go through their grids of the first study, the
Transformer through the four sets of width and way to draw people that the third study had compared.
And with histories in random order the methods that use the order get eleven trials each, in the
first draw; what these chose is tested in all draws.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import recommendation_checks_study as checks
import recommendation_study as base
import torch
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.films import marked
from largemodels.models.ease import ease
from largemodels.objectives.ranking import places

FIXED = {"context": 16, "dropout": 0, "steps": base.STEPS}
SETS = [
    {**FIXED, "rate": base.RATE, "width": width, "by_length": by_length}
    for width, by_length in product((32, 64), (False, True))
]
# Of histories in random order: nine trials, then others at the best of them.
GRIDS: dict[str, tuple[dict[str, tuple[Any, ...]], list[dict[str, Any]]]] = {
    "recent": (
        {"penalty": (40, 80, 160), "decay": (0.94, 0.98, 1)},
        [{"penalty": 20}, {"penalty": 320}],
    ),
    "counted": (
        {"window": (20, 100, 800), "decay": (0.9, 0.98, 1)},
        [{"power": 0.5}, {"power": 1.5}],
    ),
    "sasrec": (
        {"rate": (2.5e-3, 5e-3, 1e-2), "width": (16, 32, 64)},
        [{"context": 32}, {"context": 64}],
    ),
}


def scores(method: str, known: list[Tensor], seed: int, **settings: Any) -> Tensor:
    """What a method says for the histories that it learns from."""
    n_films = len(base.data().titles)
    if method == "sasrec":
        model = base.sasrec(known, seed=seed, **(FIXED | {"dropout": 0.0} | settings))
        with torch.no_grad():
            groups = (known[it : it + 64] for it in range(0, len(known), 64))
            return torch.cat([model(model.padded(its))[:, -1] for its in groups])
    if method == "counted":
        power = settings.get("power", 1)
        config = lm.TransitionsConfig(
            n_films, settings["window"], settings["decay"], power=power
        )
        return lm.Transitions(config, known).scores(known)
    seen = marked(known, n_films)
    return marked(known, n_films, settings["decay"]).double() @ ease(
        seen, settings["penalty"]
    )


def asked(method: str, draw: int, left: int, mixed: bool, **settings: Any) -> Tensor:
    """Places of the last film (``left`` 1) or of that before it (2), from all before."""
    whole = base.histories(draw)
    known = [it[:-left] for it in whole]
    if mixed:
        known = [checks.mixed(it, person, draw) for person, it in enumerate(known)]
    right = torch.stack([it[-left] for it in whole])
    if "first" in settings:
        first, second = settings["first"], settings["second"]
        found = base.scores(method, first, second, known, known, seed=draw)
    else:
        found = scores(method, known, draw, **settings)
    return places(found, right, known)


def tried(method: str, draw: int, mixed: bool, **settings: Any) -> dict[str, Any]:
    """A trial: the film before the last."""
    row = base.told(asked(method, draw, 2, mixed, **settings))
    return {"part": "validation", "ndcg": row["ndcg"], "recall": row["recall"]}


def tested(method: str, draw: int, mixed: bool, **settings: Any) -> dict[str, Any]:
    """The last film."""
    return {"part": "test", **base.told(asked(method, draw, 1, mixed, **settings))}


def best_of(
    study: Study, method: str, draw: int, mixed: bool, tries: list[dict[str, Any]]
) -> dict[str, Any]:
    """The settings with the largest NDCG on validation."""

    def score(settings: dict[str, Any]) -> float:
        return float(
            study.row(tried, method=method, draw=draw, mixed=mixed, **settings)["ndcg"]
        )

    best = max(tries, key=score)
    print(method, draw, mixed, best, flush=True)
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/recommendation_more")
    for method, (grid, later) in GRIDS.items():
        tries = [dict(zip(grid, it, strict=True)) for it in product(*grid.values())]
        first = best_of(study, method, 0, True, tries)
        best = best_of(study, method, 0, True, [first, *(first | it for it in later)])
        for draw in range(base.DRAWS):
            study.row(tested, method=method, draw=draw, mixed=True, **best)
    for draw in (1, 2):
        for method in ("ease", "recent", "counted", "factors"):
            tries = [
                {"first": one, "second": two}
                for one, two in product(*base.GRIDS[method].values())
            ]
            best = best_of(study, method, draw, False, tries)
            study.row(tested, method=method, draw=draw, mixed=False, **best)
        best = best_of(study, "sasrec", draw, False, SETS)
        study.row(tested, method="sasrec", draw=draw, mixed=False, **best)
    study.save()
