"""Second study of the chapter "Pictures and words": what do pairs teach, and why do sums help?

    make study NAME=02_concepts/cross_modal_words

One thread, about 3 minutes, after cross_modal. From the training names all words are cut that a
test name has, the pictures stay ("cut"); the same pairs with whole names stand beside. Ridge
regression is averaged with a second table of cosines that comes from pairs, too: the contrastive
loss with one map ("one") or ridge regression from names to pictures ("back"). And the labels are
compared without the means of both sides taken off ("uncentred"). All is chosen on the validation
part.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import cross_modal_study as first
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm

PENALTIES = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 1e4, 3e4, 1e5, 3e5, 1e6]
SHARES = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]  # 0: ridge regression alone, 1: the other alone
SETTINGS = ("learning_rate", "dropout", "temperature", "batch_size", "steps")


@functools.cache
def shortened(split: int) -> tuple[list[int], Tensor, int]:
    """Rows of pairs that keep a word, vectors of what is left, and how many names are cut."""
    emoji = lm.emoji(split)
    tested = {w for name in emoji["test"].names["en"] for w in first.words(name)}
    left: dict[int, str] = {}
    n_cut = 0
    for row, name in enumerate(emoji["train"].names["en"]):
        spoken = re.findall(r"[a-z]+", name.lower())
        stay = [word for word in spoken if word not in tested]
        if stay:
            left[row] = " ".join(stay) if len(stay) < len(spoken) else name
            n_cut += len(stay) < len(spoken)
    return list(left), lm.load_minilm().embed(list(left.values())), n_cut


def cut(split: int, penalty: float, whole: bool) -> dict[str, Any]:
    """Ridge regression on pairs that lost the words of test names, or on the same, whole."""
    parts = first.data(split)
    rows, short, n_cut = shortened(split)
    x, y = parts["train"]["x"][rows], parts["train"]["read"][rows] if whole else short
    x_mean, y_mean = x.mean(0), y.mean(0)
    weights = first.solved(x - x_mean, y - y_mean, penalty)
    table = {
        part: first.cosines(it["read"] - y_mean, (it["x"] - x_mean) @ weights)
        for part, it in parts.items()
    }
    return {
        "pairs": len(rows),
        "names_cut": n_cut,
        "validation_mrr": first.reciprocal(table["validation"]),
    } | first.measured(split, table["test"])


@functools.cache
def one_map(split: int, **best: float) -> dict[str, Tensor]:
    """Cosines by part of a map of the pictures that the contrastive loss has trained."""
    parts = first.data(split)
    torch.manual_seed(split)
    a = nn.Linear(1280, 384, bias=False)
    scale = nn.Parameter(-torch.tensor(best["temperature"]).log())
    optimiser = torch.optim.AdamW(
        [*a.parameters(), scale], lr=best["learning_rate"], weight_decay=0.0
    )
    for _ in range(int(best["steps"])):
        batch = torch.randperm(800)[: int(best["batch_size"])]
        p = F.normalize(a(F.dropout(parts["train"]["x"][batch], best["dropout"])), dim=1)
        q = F.normalize(parts["train"]["en"][batch], dim=1)
        loss = lm.contrastive_loss(scale.exp() * p @ q.T)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return {part: first.cosines(it["en"], a(it["x"])) for part, it in parts.items()}


def back(split: int, penalty_back: float) -> dict[str, Tensor]:
    """Cosines by part of ridge regression from names to pictures."""
    parts = first.data(split)
    weights = first.solved(parts["train"]["en"], parts["train"]["x"], penalty_back)
    return {part: first.cosines(it["en"] @ weights, it["x"]) for part, it in parts.items()}


def summed(
    split: int, other: str, penalty: float, share: float, **best: float
) -> dict[str, Any]:
    """A weighted mean of ridge regression's cosines and those of another use of the same pairs."""
    parts = first.data(split)
    second = one_map(split, **best) if other == "one" else back(split, **best)
    weights = first.solved(parts["train"]["x"], parts["train"]["en"], penalty)
    table = {
        part: (1 - share) * first.cosines(parts[part]["en"], parts[part]["x"] @ weights)
        + share * second[part]
        for part in first.PARTS[1:]
    }
    return {
        "validation_mrr": first.reciprocal(table["validation"]),
        "other_find_5": first.within(5, first.ranks(second["test"])),
    } | first.measured(split, table["test"])


@torch.no_grad()
def uncentred(split: int, softness: float) -> dict[str, Any]:
    """Labels read as words, no mean taken off."""
    table = {}
    for part in first.PARTS[1:]:
        rows = first.data(split)[part]
        p = (first.network().head(rows["raw"]) / softness).softmax(1) @ first.labels()
        table[part] = first.cosines(rows["read"], p)
    return {"validation_mrr": first.reciprocal(table["validation"])} | first.measured(
        split, table["test"]
    )


def chosen(rows: pd.DataFrame, split: int) -> dict[str, Any]:
    """Of one split the row with the best validation score."""
    rows = rows[rows.split == split]
    return rows.loc[rows.validation_mrr.idxmax()].to_dict()


def by_validation(study: lm.studies.Study, split: int, rows: pd.DataFrame) -> None:
    """All rows of one split."""

    def tune(
        ladder: list[float], start: list[float], name: str, run: Any, **key: Any
    ) -> None:
        lm.studies.best_inside(
            ladder, start, lambda it: -study.row(run, **{name: it}, **key)["validation_mrr"]
        )

    for whole in (False, True):
        tune(PENALTIES, [1000.0], "penalty", cut, split=split, whole=whole)
    tune(first.SOFTNESS, [4.0], "softness", uncentred, split=split)
    whole_set = rows[rows.n.isna()]
    penalty = chosen(whole_set[whole_set.kind == "ridge"], split)["penalty"]
    one = chosen(
        whole_set[(whole_set.kind == "one") & (whole_set.batch_size == 200)], split
    )
    others = {
        "one": {it: one[it] for it in SETTINGS},
        "back": {
            "penalty_back": chosen(whole_set[whole_set.kind == "back"], split)["penalty"]
        },
    }
    for other, best in others.items():
        for share in SHARES:
            study.row(
                summed, split=split, other=other, penalty=penalty, share=share, **best
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal_words")
    for split in first.SPLITS:
        by_validation(study, split, lm.studies.load("02_concepts/cross_modal"))
    study.save()
