"""Sixth study of "Interpretability": how far a word drawn at random moves a rating.

    make study NAME=07_challenges/interpretability_chance

One thread, about a minute. The second study draws one random word of each sentence. Here every word
of the same sentences is deleted, and replaced by the same words, and the mean over a sentence's
words is noted: what a random word moves on average.
"""

from __future__ import annotations

from typing import Any

import interpretability_words_study as words
import numpy as np
import torch

import largemodels as lm
from largemodels.data.ratings import KINDS


def run(kind: str) -> dict[str, Any]:
    """One row: the sentences of a kind, in the order of the second study."""
    texts = words.sentences(kind)
    pool = [it for other in KINDS for text in words.sentences(other) for it in text.split()]
    rng, rows = np.random.default_rng(0), []
    for text in texts:
        rows.append(words.moved(text, list(rng.choice(pool, len(text.split())))))
    found = {f"{how}: any word": [it[how].mean().item() for it in rows] for how in rows[0]}
    best = {f"{how}: best word": [it[how].max().item() for it in rows] for how in rows[0]}
    return {name: [round(it, 5) for it in its] for name, its in (found | best).items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_chance")
    for kind in KINDS:
        study.row(run, kind=kind)
    study.save()
