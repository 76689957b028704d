"""Tenth study of "Diagnosis": as the ninth, with two other draws of 200 labelled reports.

make study NAME=06_applications/diagnosis_draws
"""

from __future__ import annotations

import torch
from diagnosis_equal_study import equal, rate, steps

from largemodels.book.studies import Study

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_draws")
    for draw in (1, 2):
        study.row(equal, n=200, draw=draw, steps=steps(), rate=rate(200), seed=0)
    study.save()
