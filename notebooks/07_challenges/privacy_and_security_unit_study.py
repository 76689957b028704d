"""Planted secrets with noise for a whole secret, and plain training stopped at the same loss.

    make study NAME=07_challenges/privacy_and_security_unit

One thread, about a minute. The row "secret" trains as "private" of the secrets' study, but all
copies of a secret are one record: they are drawn by one coin, and the norm of the sum of their
gradients is clipped. The rows "stopped" measure the plain model after some more steps.
"""

from __future__ import annotations

from typing import Any

import torch
from privacy_and_security_secrets_study import (
    BATCH,
    CLIP,
    SEEDS,
    STEPS,
    WARM_UP,
    fresh,
    lines,
    loss_of,
    measured,
    noise,
    sentence,
    table,
    tokenizer,
)
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.objectives.private import private_gradients

RATE = 0.003  # the best of three for both ways in the secrets' study
EARLIER = (60, 70, 80, 90)  # steps


def weighted(logits: Tensor, targets: Tensor) -> Tensor:
    """Loss of a record's line, times the number of its copies, which stands behind the targets."""
    return loss_of(logits, targets[:, :-1]) * targets[0, -1]


def by_secret(seed: int) -> dict[str, Any]:
    """One model, private for a secret."""
    texts, _, secrets = lines(seed)
    planted = [(sentence(name, code), often) for name, code, often in secrets if often]
    known = tokenizer()
    x, y = table(texts + [line for line, _ in planted], known)
    copies = torch.tensor([1] * len(texts) + [often for _, often in planted])
    y = torch.cat([y, copies[:, None]], 1)
    n_lines = int(copies.sum())
    model, sigma = fresh(known.vocab_size, seed), noise(n_lines)
    adam = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.95))
    for step in range(1, STEPS + 1):
        adam.param_groups[0]["lr"] = RATE * min(1, step / WARM_UP)
        drawn = torch.rand(len(x)) < BATCH / n_lines  # a line's chance, now a secret's, too
        private_gradients(
            model, weighted, x[drawn], y[drawn], clip=CLIP, noise=sigma, size=BATCH
        )
        adam.step()
    return {"noise": sigma, **measured(model, known, seed)}


def stopped(seed: int) -> dict[str, Any]:
    """The plain model after some numbers of steps."""
    texts, _, secrets = lines(seed)
    planted = [sentence(name, code) for name, code, often in secrets for _ in range(often)]
    known, row = tokenizer(), {}
    x, y = table(texts + planted, known)
    model = fresh(known.vocab_size, seed)
    adam = torch.optim.Adam(model.parameters(), RATE, betas=(0.9, 0.95))
    for step in range(1, max(EARLIER) + 1):
        adam.param_groups[0]["lr"] = RATE * min(1, step / WARM_UP)
        drawn = torch.rand(len(x)) < BATCH / len(x)
        adam.zero_grad()
        loss_of(model(x[drawn]), y[drawn]).backward()
        adam.step()
        if step in EARLIER:
            row |= measured(model, known, seed, f"_at_{step}")
    return row


def run(way: str, seed: int) -> dict[str, Any]:
    """One model, "secret" or "stopped"."""
    return by_secret(seed) if way == "secret" else stopped(seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_unit")
    for way in ("secret", "stopped"):
        for seed in SEEDS:
            study.row(run, way=way, seed=seed)
    study.save()
