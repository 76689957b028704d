"""Seventh study of "Diagnosis": MiniLM learns longer from the same 800 labelled reports.

    make study NAME=06_applications/diagnosis_longer

One thread, ten minutes. The second study tuned the rate only. Here the steps are doubled, at its
rate; which number is used is decided on the validation reports. The network also reads normal
reports of which the sentences on a thing are left out, with nothing appended, and as they were.
"""

from __future__ import annotations

from typing import Any

import diagnosis_study as first
import diagnosis_tuned_study as second
import diagnosis_words_study as words
import torch

import largemodels as lm
from largemodels.book.studies import Study


def longer(n: int, steps: int, rate: float, seed: int) -> dict[str, Any]:
    """The validation and the test reports; after 800 labels, the silent ones, too."""
    texts, (_, validation, test) = first.texts("findings"), first.split("clean", 0)
    reader = second.tuned(n, 0, rate, steps, seed)
    inside = reader.scores([texts[it] for it in validation])
    asked = reader.scores([texts[it] for it in test])
    row: dict[str, Any] = {
        **first.measures(asked, test),
        "validation": first.measures(inside, validation)["precision"],
        "scores": first.stored(asked),
    }
    if n == 800:
        left_out, before = words.silent()
        row["silent"] = first.stored(reader.scores(left_out))
        row["before"] = first.stored(reader.scores(before))
        row["changed"] = first.stored(reader.scores(second.changed()))
    return row


def rate(n: int) -> float:
    """The rate that the second study chose."""
    rows = lm.studies.load("06_applications/diagnosis_tuned")
    return float(rows[(rows.by == "test") & (rows.n == n)].iloc[0].rate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_longer")
    for steps in (300, 600):
        study.row(longer, n=800, steps=steps, rate=rate(800), seed=0)
    study.save()
