"""Study of the chapter on generalisation: training stopped by validation, checked every ten steps.

    make study NAME=07_challenges/generalisation_stops

One thread, half a minute. Some networks of the study of widths, on the same pictures and labels, of
which 40 % were drawn again. The labels of the 500 validation pictures are true.
"""

from __future__ import annotations

from typing import Any

import generalisation_width_study as sibling
import torch
import torch.nn.functional as F

from largemodels.book.studies import Study

EVERY = 10


def stopped(width: int, noise: float, seed: int) -> dict[str, Any]:
    """The test accuracy where the validation pictures are best, and that step."""
    data, y = sibling.clothes(), sibling.labels(noise, seed)
    model, x = sibling.network(width, seed), data["train"][0][: sibling.N]
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), lr=sibling.RATE)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(adam, sibling.STEPS)
    order = torch.zeros(0, dtype=torch.long)
    best: dict[str, Any] = {"validation": 0.0}
    for step in range(1, sibling.STEPS + 1):
        if len(order) < sibling.BATCH:
            order = torch.cat([order, torch.randperm(len(x), generator=generator)])
        now, order = order[: sibling.BATCH], order[sibling.BATCH :]
        adam.zero_grad()
        F.cross_entropy(model(x[now]), y[now]).backward()
        adam.step()
        plan.step()
        if step % EVERY == 0:
            value = sibling.share(model, *data["validation"])
            if value > best["validation"]:
                test = sibling.share(model, *data["test"])
                best = {"validation": value, "test": test, "stopped after": step}
    return best | {"at the end": sibling.share(model, *data["test"])}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/generalisation_stops")
    for width in (512, 16, 64, 8):
        for seed in range(3):
            study.row(stopped, width=width, noise=0.4, seed=seed)
    study.save()
