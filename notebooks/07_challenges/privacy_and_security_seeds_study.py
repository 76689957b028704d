"""Five more models for each way of training on planted secrets.

    make study NAME=07_challenges/privacy_and_security_seeds

One thread, about four minutes. The ways, the rates chosen there and the measures are those of the
studies of the secrets and of the unit; only the seeds are new, and with them lines, names, codes
and noise. With the three models there, each way has eight, so that intervals can be over models.
"""

from __future__ import annotations

from typing import Any

import torch
from privacy_and_security_secrets_study import run as by_line
from privacy_and_security_unit_study import RATE
from privacy_and_security_unit_study import run as by_secret_or_stopped

from largemodels.book.studies import Study

SEEDS = (3, 4, 5, 6, 7)
BY_LINE = ("private", "plain", "clipped")


def run(way: str, seed: int) -> dict[str, Any]:
    """One model, with the loss on other lines and the exposure of each secret."""
    if way in BY_LINE:
        return {"rate": RATE, **by_line(way, RATE, seed)}
    return by_secret_or_stopped(way, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_seeds")
    for way in ("private", "secret", "stopped", "plain", "clipped"):
        for seed in SEEDS:
            study.row(run, way=way, seed=seed)
    study.save()
