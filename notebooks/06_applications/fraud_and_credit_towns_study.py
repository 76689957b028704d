"""Fifth study of "Fraud and credit": the settings of the longer search, in the test towns.

    make study NAME=06_applications/fraud_and_credit_towns

One thread, about ten minutes. Each method is trained anew in each town with the setting that the
fourth study chose for it.
"""

from __future__ import annotations

from typing import Any

import fraud_and_credit_payments_study as payments
import fraud_and_credit_steps_study as steps
import torch

import largemodels as lm
from largemodels.book.studies import Study


def tested(method: str, seed: int, setting: float, length: int) -> dict[str, Any]:
    """A method with its chosen setting in a test town."""
    table = payments.town(seed)
    found = steps.FIT[method](table, True, setting, [length], seed)
    return payments.judged(table, found[0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit_towns")
    tried = lm.studies.load("06_applications/fraud_and_credit_steps")
    best = tried.sort_values("log_loss").groupby("method").first()
    for place in payments.TOWNS:
        for name in ("network", "trees"):
            setting, length = best.setting[name], int(best.length[name])
            study.row(tested, method=name, seed=place, setting=setting, length=length)
    study.save()
