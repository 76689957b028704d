"""Study of the chapter "Drug discovery": a language model that reads SMILES.

    make study NAME=06_applications/drug_discovery_text

One thread, about 5 minutes. The reader starts from random weights ("text"), or from those that
the first study pretrained ("pretrained"); its settings are chosen as there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import drug_discovery_study as first
import numpy as np
import torch

import largemodels as lm

RATES = first.RATES


@functools.cache
def kept() -> dict[str, torch.Tensor]:
    """The pretrained weights."""
    state = lm.studies.weights("06_applications/drug_discovery", "reader").state
    return {name: it.float() for name, it in state.items()}


def text(kind: str, train: np.ndarray, setting: float, seed: int) -> Callable[..., Any]:
    """Fine-tune the reader; the answer is the mean over writings, with their spread."""
    smiles, y, others, _ = first.data()
    model = first.reader(seed)
    if kind == "pretrained":
        model.load_state_dict(kept())
    model = model.with_classes(1).train()
    centre, width = y[train].mean(), y[train].std()
    target = torch.tensor((y - centre) / width).float()
    n_steps = first.EPOCHS * len(
        first.batches([torch.zeros(1)] * len(train), np.random.default_rng(0))
    )
    optimiser = torch.optim.AdamW(model.parameters(), setting, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, setting, total_steps=n_steps)
    rng = np.random.default_rng(seed)
    for _ in range(first.EPOCHS):
        one = kind == "one writing"
        which = [
            smiles[i] if one else others[i][rng.integers(first.N_WRITINGS)] for i in train
        ]
        shown = first.encoded(which)
        for rows in first.batches(shown, rng):
            tokens, mask = first.padded([shown[i] for i in rows])
            found = model.class_logits(model(tokens, mask), mask)[:, 0]
            first.update((found - target[train[rows]]).square().mean(), optimiser, schedule)
    model.eval()

    @torch.no_grad()
    def answer(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for n in range(1 if one else 10):
            shown = first.encoded([smiles[i] if one else others[i][n] for i in rows])
            tokens, mask = first.padded(shown)
            found.append(model.class_logits(model(tokens, mask), mask)[:, 0].numpy())
        return np.mean(found, 0) * width + centre, np.std(found, 0) * width

    return answer


first.WAYS |= dict.fromkeys(("text", "one writing", "pretrained"), text)
first.LADDERS = {
    "pretrained": (RATES, [3e-4, 1e-3, 3e-3]),
    "text": (RATES, [3e-4, 1e-3, 3e-3]),
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_text")
    rate = first.choose(study, "pretrained")
    for split in ("similar", "random"):
        first.predict(study, "pretrained", split, rate, 0)
    first.predict(study, "text", "similar", first.choose(study, "text"), 0)
    study.save()
