"""Seventh study of "Diagnosis": the fine-tuned MiniLM reads reports with nothing appended.

    make study NAME=06_applications/diagnosis_silent

One thread, six minutes. The second study's network is trained again, with the first seed. It reads
the validation reports, and 150 normal reports without the sentences on a thing and as they were.
Its log odds are averaged with those of the best counts of the sixth study, on the validation
reports.
"""

from __future__ import annotations

from typing import Any

import diagnosis_study as first
import diagnosis_tuned_study as second
import diagnosis_words_study as words
import torch

import largemodels as lm
from largemodels.book.studies import Study


def silent(who: str, rate: float, seed: int) -> dict[str, Any]:
    """Log odds of the test, of silent reports and of those as they were."""
    left_out, before = words.silent()
    all_, (_, validation, test) = first.texts("findings"), first.split("clean", 0)
    reader = second.tuned(800, 0, rate, second.STEPS[800], seed)
    asked = reader.scores([all_[it] for it in test])
    inside = reader.scores([all_[it] for it in validation])
    taught, best = first.labelled("clean", 0, 800, 0), counts()
    rows = words.known(best["form"], taught)
    counted = words.answers(
        best["form"], best["strength"], taught, rows[taught], rows[validation]
    )
    return {
        "mean_validation": first.measures((inside + counted) / 2, validation)["precision"],
        **first.measures(asked, test),
        "validation": first.measures(inside, validation)["precision"],
        "scores": first.stored(asked),
        "silent": first.stored(reader.scores(left_out)),
        "before": first.stored(reader.scores(before)),
    }


def counts() -> dict[str, Any]:
    """The best counts after 800 labelled reports."""
    rows = lm.studies.load("06_applications/diagnosis_words")
    rows = rows[(rows.who == "best") & (rows.n == 800) & (rows.seed == 0)]
    return dict(rows.iloc[0][["form", "strength"]])


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = lm.studies.load("06_applications/diagnosis_tuned")
    rate = float(rows[(rows.by == "test") & (rows.n == 800)].iloc[0].rate)
    study = Study("06_applications/diagnosis_silent")
    study.row(silent, who="tuned", rate=rate, seed=0)
    study.save()
