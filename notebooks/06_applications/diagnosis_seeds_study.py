"""Fifth study of "Diagnosis": more seeds of the fine-tuned MiniLM, and few labels.

    make study NAME=06_applications/diagnosis_seeds

One thread, fifteen minutes. The chosen rate and all 800 labelled reports of the second study,
with two other orders of the batches. Then three draws of 200 labelled reports: the fine-tuned
MiniLM, and the counts, whose settings the first study chose for each draw, on the same test.
"""

from __future__ import annotations

from typing import Any

import diagnosis_study as first
import diagnosis_tuned_study as second
import torch

import largemodels as lm
from largemodels.book.studies import Study


def few(who: str, draw: int, rate: float, form: str, strength: float) -> dict[str, Any]:
    """Test reports after 200 labelled ones, by both ways."""
    taught, asked = first.labelled("clean", 0, 200, draw), first.split("clean", 0)[2]
    texts = [first.texts("findings")[it] for it in asked]
    found = {
        "tuned": second.tuned(200, draw, rate, second.STEPS[200], draw).scores(texts),
        "counts": first.answers(
            first.features(form, "findings", taught), taught, asked, strength
        ),
    }
    row: dict[str, Any] = {"n": 200}
    for name, score in found.items():
        row |= {
            name: first.stored(score),
            f"{name}_precision": first.measures(score, asked)["precision"],
        }
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = lm.studies.load("06_applications/diagnosis_tuned")
    rate = float(rows[(rows.by == "test") & (rows.n == 800)].iloc[0].rate)
    study = Study("06_applications/diagnosis_seeds")
    for seed in (1, 2):
        study.row(second.test, who="tuned", n=800, draw=0, rate=rate, seed=seed)
    rows = lm.studies.load("06_applications/diagnosis")
    rows = rows[(rows.who == "counts") & (rows.by == "test") & (rows.n == 200)]
    for draw in range(3):
        best = rows[rows.draw == draw].iloc[0]
        study.row(
            few,
            who="few",
            draw=draw,
            rate=rate,
            form=best.form,
            strength=float(best.strength),
        )
    study.save()
