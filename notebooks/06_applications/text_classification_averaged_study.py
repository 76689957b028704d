"""Fifth study of "Text classification": averaged vectors of words, in the way of fastText.

    make study NAME=06_applications/text_classification_averaged

One thread, about 3 minutes. Vectors of words and of pairs of words, hashed, are averaged and
classified, and all of it is learnt from the labels alone (Joulin et al., 2016). The rate is chosen
on the validation posts of the first study by a ladder that is extended until the best lies inside.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from typing import Any

import numpy as np
import text_classification_study as first
import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled

BUCKETS, LONGEST, WIDTH = (
    2**17,
    300,
    64,
)  # words and pairs hashed, words of a post read, vectors
EPOCHS = {100: 10, 1_000: 4}  # by labels a group


@functools.cache
def hashed(number: int) -> list[int]:
    """Buckets of the words and pairs of words of a post."""
    words = first.posts().text[number].split()[:LONGEST]
    pairs = [" ".join(it) for it in itertools.pairwise(words)]
    return [zlib.crc32(it.encode()) % BUCKETS for it in words + pairs]


class Averaged(nn.Module):
    """The mean of vectors of words and pairs, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean", sparse=True)
        nn.init.uniform_(self.table.weight, -1 / WIDTH, 1 / WIDTH)
        self.head = nn.Linear(WIDTH, 20)

    def forward(self, numbers: np.ndarray) -> Tensor:
        """Logits, ``(n, 20)``."""
        its = [torch.tensor(hashed(int(it))) for it in numbers]
        starts = torch.tensor([0, *[len(it) for it in its[:-1]]]).cumsum(0)
        logits: Tensor = self.head(self.table(torch.cat(its), starts))
        return logits


def averaged(n: int, draw: int, rate: float) -> Averaged:
    """Vectors of words learnt from labels alone."""
    torch.manual_seed(draw)
    taught = torch.tensor(first.labelled(n, draw))
    model = Averaged()
    optimizers = [
        torch.optim.SparseAdam(model.table.parameters(), lr=rate),
        torch.optim.Adam(model.head.parameters(), lr=rate),
    ]
    truth, size = torch.tensor(first.target()), 16 if n < 200 else 64
    steps = EPOCHS[n] * len(taught) // size
    for step, (rows,) in zip(
        range(steps), shuffled(taught, batch_size=size, seed=draw), strict=False
    ):
        model.zero_grad()
        nn.functional.cross_entropy(model(rows.numpy()), truth[rows]).backward()
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            optimizer.step()
    return model


@torch.no_grad()
def answered(model: Averaged, numbers: np.ndarray) -> np.ndarray:
    """Logits of posts, ``(n, 20)``."""
    logits: np.ndarray = model(numbers).numpy()
    return logits


def tune_averaged(n: int, rate: float) -> dict[str, Any]:
    """Share of the validation posts named rightly."""
    asked = first.rows("validation")
    said = answered(averaged(n, first.TUNING_DRAW, rate), asked).argmax(1)
    return {"validation": 100 * float((said == first.target()[asked]).mean())}


def test_averaged(who: str, n: int, draw: int, rate: float) -> dict[str, Any]:
    """The groups of the test posts."""
    found = answered(averaged(n, draw, rate), first.rows("test"))
    return first.answers(found, first.target()[first.rows("test")])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_averaged")
    for n in EPOCHS:

        def score(rate: float, n: int = n) -> float:
            """Minus what ``best_inside`` makes as large as it can."""
            return -float(study.row(tune_averaged, n=n, rate=rate)["validation"])

        rate = lm.studies.best_inside(
            [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0], [0.03], score
        )
        for draw in range(2) if n < 1_000 else [0]:
            study.row(test_averaged, who="averaged", n=n, draw=draw, rate=rate)
    study.save()
