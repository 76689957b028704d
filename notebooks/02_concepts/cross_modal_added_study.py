"""Third study of the chapter "Pictures and words": which words of a name does a pair teach with?

    make study NAME=02_concepts/cross_modal_added

One thread, about 2 minutes, after cross_modal. Ridge regression learns from the same pairs three
times: with whole names, without the words that test names share, and without the other words of the
same names. Each time it stands alone, and with the labels added. All is chosen on the validation
part.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import cross_modal_study as first
import torch
from torch import Tensor

import largemodels as lm

PENALTIES = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 1e4, 3e4, 1e5]
WEIGHTS = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2]
CUT = ("nothing", "shared words", "other words")


@functools.cache
def read(split: int, cut: str) -> tuple[list[int], Tensor]:
    """Rows of pairs that have a word that no test name has, and the vectors of what is left."""
    emoji = lm.emoji(split)
    tested = {w for name in emoji["test"].names["en"] for w in first.words(name)}
    left = {}
    for row, name in enumerate(emoji["train"].names["en"]):
        spoken = re.findall(r"[a-z]+", name.lower())
        shared = [word for word in spoken if word in tested]
        others = [word for word in spoken if word not in tested]
        if others:
            part = {"nothing": [], "shared words": others, "other words": shared}[cut]
            left[row] = " ".join(part) if part and shared else name
    return list(left), lm.load_minilm().embed(list(left.values()))


@functools.cache
def mapped(split: int, cut: str, penalty: float) -> dict[str, Tensor]:
    """Cosines by part."""
    parts = first.data(split)
    rows, y = read(split, cut)
    x = parts["train"]["x"][rows]
    x_mean, y_mean = x.mean(0), y.mean(0)
    weights = first.solved(x - x_mean, y - y_mean, penalty)
    return {
        part: first.cosines(
            parts[part]["read"] - y_mean, (parts[part]["x"] - x_mean) @ weights
        )
        for part in first.PARTS[1:]
    }


@torch.no_grad()
def run(
    split: int, cut: str, penalty: float, softness: float, weight: float
) -> dict[str, Any]:
    """The sum of both tables; without the labels at weight 0."""
    table = {
        part: cosines + weight * first.label_cosines(split, part, softness)
        for part, cosines in mapped(split, cut, penalty).items()
    }
    return {
        "pairs": len(read(split, cut)[0]),
        "validation_mrr": first.reciprocal(table["validation"]),
    } | first.measured(split, table["test"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal_added")
    before = lm.studies.load("02_concepts/cross_modal")
    before = before[before.weight.notna()]
    for split in first.SPLITS:
        some = before[before.split == split]
        softness = some.loc[some.validation_mrr.idxmax()].softness
        for cut in CUT:
            key = dict(split=split, cut=cut, softness=softness)
            penalty = lm.studies.best_inside(
                PENALTIES,
                [1000.0],
                lambda it, key=key: (
                    -study.row(run, penalty=it, weight=0.0, **key)["validation_mrr"]
                ),
            )
            lm.studies.best_inside(
                WEIGHTS,
                [0.4],
                lambda it, key=key, p=penalty: (
                    -study.row(run, penalty=p, weight=it, **key)["validation_mrr"]
                ),
            )
    study.save()
