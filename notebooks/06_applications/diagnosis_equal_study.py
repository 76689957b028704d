"""Ninth study of "Diagnosis": the fine-tuned MiniLM is given the headings' words, too.

    make study NAME=06_applications/diagnosis_equal

One thread. The network learns with the steps that the eighth study found for 200 reports. To its
log odds of a finding a multiple of the sixth study's column is added, which says whether a word of
the heading's own name stands in the report and is not denied; to those of "abnormal", whether any
does. The multiple is chosen on the validation reports.
"""

from __future__ import annotations

from typing import Any

import diagnosis_study as first
import diagnosis_tuned_study as second
import diagnosis_words_study as words
import numpy as np
import torch
from diagnosis_longer_study import rate

import largemodels as lm
from largemodels.book.studies import Study

MULTIPLES = (0.0, 1.0, 2.0, 4.0, 8.0)


def column(asked: np.ndarray) -> np.ndarray:
    """Whether a heading's own word is affirmed, ``(n, 6)``; first whether any is."""
    texts = first.texts("findings")
    found = words.part("own", [], [texts[it] for it in asked]).toarray()
    order = [list(words.OWN).index(it) for it in first.QUESTIONS[1:]]
    return np.concatenate([found.max(1, keepdims=True), found[:, order]], axis=1)


def equal(n: int, draw: int, steps: int, rate: float, seed: int) -> dict[str, Any]:
    """The test reports, without and with the columns."""
    texts, (_, validation, test) = first.texts("findings"), first.split("clean", 0)
    reader = second.tuned(n, draw, rate, steps, seed)
    inside, asked = (reader.scores([texts[it] for it in its]) for its in (validation, test))
    tried = [
        first.measures(inside + it * column(validation), validation)["precision"]
        for it in MULTIPLES
    ]
    multiple = MULTIPLES[int(np.argmax(tried))]
    told = asked + multiple * column(test)
    return {
        **first.measures(asked, test),
        "validation": tried[0],
        "scores": first.stored(asked),
        "multiple": multiple,
        "told_validation": max(tried),
        "told_precision": first.measures(told, test)["precision"],
        "told": first.stored(told),
    }


def steps() -> int:
    """The steps after 200 reports of which the double gains less than 0.1 points on validation."""
    rows = lm.studies.load("06_applications/diagnosis_few").sort_values("steps")
    gains = rows.validation.shift(-1) - rows.validation
    return int(rows.steps[gains < 0.1].iloc[0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_equal")
    study.row(equal, n=200, draw=0, steps=steps(), rate=rate(200), seed=0)
    study.row(equal, n=800, draw=0, steps=600, rate=rate(800), seed=0)
    study.save()
