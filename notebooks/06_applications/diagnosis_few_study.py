"""Eighth study of "Diagnosis": MiniLM learns longer from 200 labelled reports.

    make study NAME=06_applications/diagnosis_few

One thread, eight minutes. As the seventh study, with 200 reports: the steps are doubled until the
validation reports no longer gain.
"""

from __future__ import annotations

import torch
from diagnosis_longer_study import longer, rate

from largemodels.book.studies import Study

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_few")
    steps, best = 75, 0.0
    while True:
        found = study.row(longer, n=200, steps=steps, rate=rate(200), seed=0)["validation"]
        if found <= best or steps >= 600:
            break
        steps, best = 2 * steps, found
    study.save()
