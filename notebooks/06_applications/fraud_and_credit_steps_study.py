"""Fourth study of "Fraud and credit": a longer search for the two methods that watch payments.

    make study NAME=06_applications/fraud_and_credit_steps

One thread, about eight minutes. In the second study both methods stood at the edge of what had been
tried. Here each has three rates with three lengths, in the same town for choosing. If the longest
is the best, its rate is trained once more for twice as long.
"""

from __future__ import annotations

from typing import Any

import fraud_and_credit_payments_study as payments
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from largemodels.book.studies import Study

LENGTHS = {"network": [600, 1200, 2400], "trees": [500, 1000, 2000]}
RATES = {"network": (1e-3, 3e-4, 1e-4), "trees": (0.1, 0.05, 0.025)}


def grown(
    table: pd.DataFrame, terminal: bool, rate: float, rounds: list[int], seed: int = 0
) -> list[np.ndarray]:
    """As `trees` of the second study, but keeps no more stages than are asked for."""
    its = table[payments.columns("trees", terminal)].to_numpy()
    learns, asked = (payments.between(table, it) for it in (payments.TRAIN, payments.TEST))
    model = HistGradientBoostingClassifier(
        max_iter=max(rounds),
        max_leaf_nodes=payments.LEAVES,
        learning_rate=rate,
        early_stopping=False,
        random_state=seed,
    ).fit(its[learns], table.fraud[learns])
    stages = enumerate(model.staged_predict_proba(its[asked]), start=1)
    return [chance[:, 1] for number, chance in stages if number in rounds]


FIT = {"network": payments.network, "trees": grown}


def tried(method: str, setting: float, longest: int) -> dict[str, Any]:
    """Trials of a rate in the town for choosing: shorter runs are stages of the longest."""
    lengths = [it for it in (*LENGTHS[method], longest) if it <= longest]
    lengths = sorted(set(lengths))
    table = payments.town(payments.CHOOSING)
    found = [
        payments.judged(table, it) for it in FIT[method](table, True, setting, lengths)
    ]
    best = min(range(len(found)), key=lambda it: found[it]["log_loss"])
    return {
        "length": lengths[best],
        **found[best],
        "losses": " ".join(f"{it['log_loss']:.5f}" for it in found),
        "all_again": " ".join(f"{it['again']:.5f}" for it in found),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit_steps")
    for name, rates in RATES.items():
        longest = max(LENGTHS[name])
        rows = [
            study.row(tried, method=name, setting=one, longest=longest) for one in rates
        ]
        it = min(rows, key=lambda row: row["log_loss"])
        if it["length"] == longest:
            study.row(tried, method=name, setting=it["setting"], longest=2 * longest)
    study.save()
