"""Third study of "Fraud and credit": the scorecard without columns that the law protects.

    make study NAME=06_applications/fraud_and_credit_checks

One thread, a minute. Tuning, training and calibration of the scorecard are repeated without the
columns, as in the first study.
"""

from __future__ import annotations

from typing import Any

import fraud_and_credit_study as first
import torch

from largemodels.book.studies import Study

WITHOUT = {
    "german": (
        "personal_status",
        "age",
        "foreign_worker",
        "personal_status age foreign_worker",
    ),
    "scoring": ("marital", "age", "marital age"),
}


def left_out(data: str, method: str, without: str, fold: int) -> dict[str, Any]:
    """One test part, without some columns."""
    return first.run(data, method, fold, without)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit_checks")
    for name, columns in WITHOUT.items():
        for some in columns:
            for part in range(5):
                study.row(left_out, data=name, method="scorecard", without=some, fold=part)
    study.save()
