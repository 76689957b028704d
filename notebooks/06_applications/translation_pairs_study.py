"""Third study of the chapter "Translation": how many pairs of its own kind does counting need?

    make study NAME=06_applications/translation_pairs

One thread, about 3 minutes. An interrupted study goes on where it stopped. The counted phrases of
the first study learn from fewer messages, or from fewer sentences of the handbook, while all pairs
of the other kind stay.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
import translation_study as first

import largemodels as lm

ALL = {"messages": 13_417, "handbook": 3_664}
FEWER = {"messages": (0, 916, 3_664), "handbook": (0, 916)}


def count(kind: str, n_pairs: int, seed: int) -> dict[str, Any]:
    """Phrases from so many pairs of a kind and all of the other, judged on that kind."""
    sources: list[str] = []
    targets: list[str] = []
    for name, some in first.parts().items():
        train = some["train"]
        rows = np.arange(len(train.source))
        assert len(rows) == ALL[name]
        if name == kind:
            rows = np.random.default_rng(seed).permutation(rows)[:n_pairs]
        sources += [train.source[row] for row in rows]
        targets += [train.target[row] for row in rows]
    began = time.process_time()
    model = lm.Phrases(sources, targets)
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    test = first.parts()[kind]["test"]
    said = [model.translate(text) for text in test.source[: first.N_TEST]]
    found = first.scores(said, test.target[: first.N_TEST], "")
    return row | {name.strip(): it for name, it in found.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/translation_pairs")
    for kind, numbers in FEWER.items():
        for n_pairs in numbers:
            for seed in (0, 1) if n_pairs else (0,):
                study.row(count, kind=kind, n_pairs=n_pairs, seed=seed)
    study.save()
