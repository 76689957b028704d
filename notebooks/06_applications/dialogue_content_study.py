"""Study of the chapter "Dialogue": DPO for a judge who rewards what is said.

    make study NAME=06_applications/dialogue_content

One thread, about 4 minutes. An interrupted study goes on where it stopped. The judge prefers each
question's own answer to one that belongs to another question.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from dialogue_checks_study import measure
from dialogue_preferences_study import recipe, shuffled, start
from dialogue_study import CHOOSING_SEED, answered, batch, copy_of, pairs_of, prompt
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.data.dialogues import words
from largemodels.objectives.preferences import answer_log_probs, dpo_loss

SEEDS = range(3)
LADDER = [2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3]
BETA = 0.1

Choice = tuple[str, list[int], list[int]]  # a question, its own answer, another's


@functools.cache
def choices(part: str) -> list[Choice]:
    """Each question with its own answer, preferred to one that belongs to another question."""
    pairs = pairs_of(part)
    generator, found = np.random.default_rng(0), []
    for question, answer in pairs:
        own = {words(other) for asked, other in pairs if words(asked) == words(question)}
        while words(other := pairs[generator.integers(len(pairs))][1]) in own:
            pass
        found.append((question, answered(answer), answered(other)))
    return found


def rows_of(some: list[Choice]) -> tuple[Tensor, Tensor]:
    """A batch in which a question's own answer and another's take turns."""
    return batch([(prompt(it[0]), answer) for it in some for answer in it[1:]])


def by_content(learning_rate: float, seed: int) -> tuple[lm.GPT, float, float]:
    """DPO for a judge who prefers the own answer; loss and share told apart, on validation."""
    model = copy_of(start())

    @torch.no_grad()
    def reference(some: list[Choice]) -> Tensor:
        found = []
        for first in range(0, len(some), 32):
            inputs, targets = rows_of(some[first : first + 32])
            found.append(answer_log_probs(start()(inputs), targets).view(-1, 2))
        return torch.cat(found)

    def loss(model: lm.GPT, inputs: Tensor, targets: Tensor, before: Tensor) -> Tensor:
        now = answer_log_probs(model(inputs), targets).view(-1, 2)
        return dpo_loss(now[:, 0], now[:, 1], before[:, 0], before[:, 1], beta=BETA)

    train = choices("train")
    known = reference(train)
    batches = (
        (*rows_of([train[i] for i in rows]), known[rows])
        for rows in shuffled(len(train), 1, seed)
    )
    lm.train(model.train(), batches, recipe(len(train), learning_rate), loss=loss)
    model.eval()
    held = choices("validation")
    before = reference(held)
    with torch.no_grad():
        inputs, targets = rows_of(held)
        now = answer_log_probs(model(inputs), targets).view(-1, 2)
        value = loss(model, inputs, targets, before).item()
    gain = (now - before)[:, 0] - (now - before)[:, 1]
    return model, value, (gain > 0).float().mean().item()


def content_trial(learning_rate: float, seed: int) -> dict[str, Any]:
    """The loss on validation choices, of one rate."""
    _, loss, right = by_content(learning_rate, seed)
    return {"loss": loss, "right": right}


def content(learning_rate: float, beta: float, seed: int) -> dict[str, Any]:
    """The model that DPO made for this judge, measured on the test part."""
    model, loss, right = by_content(learning_rate, seed)
    return {"loss": loss, "right": right} | measure(model, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_content")
    rate = best_inside(
        LADDER,
        (2e-4, 5e-4, 1e-3),
        lambda rate: study.row(content_trial, learning_rate=rate, seed=CHOOSING_SEED)[
            "loss"
        ],
    )
    for seed in SEEDS:
        study.row(content, learning_rate=rate, beta=BETA, seed=seed)
    study.save()
