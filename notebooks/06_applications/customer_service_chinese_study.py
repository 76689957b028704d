"""Third study of the chapter "Customer service": the student as a search, and joined with counting.

    make study NAME=06_applications/customer_service_chinese

One thread, a minute, after customer_service and customer_service_student. Chinese messages, and
the English sections by the vectors of MiniLM; else as in the study customer_service.
"""

from __future__ import annotations

import itertools
from typing import Any

import customer_service_student_study as student
import customer_service_study as base
import torch
from torch import Tensor

import largemodels as lm


def student_scores() -> dict[str, Tensor]:
    """Cosines of Chinese messages and English sections, four ways."""
    return base.cosines(student.embed(list(base.asked().zh)), False)


def search(method: str, seed: int) -> dict[str, Any]:
    """A search with the student, cross-fitted."""
    options = [base.weighted(True)] if "+" in method else []
    return base.crossed([*options, student_scores()], True, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/customer_service_chinese")
    for method, seed in itertools.product(
        ("student", "TF-IDF zh + student"), range(base.SEEDS)
    ):
        study.row(search, method=method, seed=seed)
    study.save()
