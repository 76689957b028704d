"""Fifth study of the chapter "Attention": does it matter which distance stands for all long ones?

    make study NAME=02_concepts/attention_as_if

One thread, about 2 minutes. An interrupted study goes on where it stopped.

As in the study before, a key more than 31 places behind is rotated against the query by one fixed
distance, in the first block. There it was 31, which training had shown. Here it is also one that
training has not shown.
"""

from __future__ import annotations

import attention_held_study as fourth
import attention_study as first
import torch

import largemodels as lm

DISTANCES = (fourth.FARTHEST, 48, 64, 100, 200)


def train(seed: int) -> dict[str, float]:
    """Train one network; test it with each distance."""
    network, row = fourth.trained(seed), {}
    network.rotated, network.held = (0, 1), (0,)
    for network.as_if in DISTANCES:
        for place, share in first.shares(network, "test", first.LONGEST, 256).items():
            row[f"as if {network.as_if}, {place}"] = share
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/attention_as_if")
    for seed in first.TEST_SEEDS:
        study.row(train, seed=seed)
    study.save()
