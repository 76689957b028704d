"""Eighth study of "Diagnosis": the rules on reports for training, validation and test.

    make study NAME=06_applications/diagnosis_ruled

A few seconds. The first study's rules read the training, the validation and the test reports.
"""

from __future__ import annotations

from typing import Any

import diagnosis_study as first
import numpy as np

from largemodels.book.studies import Study
from largemodels.text.negation import affirmed


def ruled(use: str) -> dict[str, Any]:
    """Of the five findings, how many the rules miss, and how often they raise a false alarm."""
    asked = dict(
        zip(("train", "validation", "test"), first.split("clean", 0), strict=True)
    )[use]
    right, texts = first.truth()[asked][:, 1:], first.texts("findings")
    found = np.array(
        [[affirmed(texts[it], rule) > 0 for rule in first.RULES.values()] for it in asked]
    )
    return {
        "findings": int(right.sum()),
        "missed": int((right & ~found).sum()),
        "false": 100 * float((found & ~right).sum() / (~right).sum()),
    }


if __name__ == "__main__":
    study = Study("06_applications/diagnosis_ruled")
    for use in ("train", "validation", "test"):
        study.row(ruled, use=use)
    study.save()
