"""Study of the chapter "Dialogue": best of n and DPO, against a judge that is known.

    make study NAME=06_applications/dialogue_preferences

One thread, about 12 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from dialogue_study import (
    BATCH_SIZE,
    CHOOSING_SEED,
    base,
    batch,
    copy_of,
    found_among,
    log_probs,
    pairs_of,
    prompt,
    text_of,
    tuned,
    write,
)
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.objectives.preferences import (
    answer_log_probs,
    best_of_n_kl,
    bradley_terry_loss,
    dpo_loss,
)

N_DRAWN = 2  # answers to each training question, compared two by two
N_POOL = 128  # answers to each test question, the best of which is taken
NUMBERS = [2**k for k in range(8)]  # of answers among which the best is taken
BETAS = (0.03, 0.1, 0.3)
LADDER = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3]
EPOCHS = 1
SEEDS = range(3)
Tokens = list[int]


def liked(question: str, answer: str) -> float:
    """How much an invented customer likes an answer: the judge, whom no method is shown.

    Two points for a question mark, one for 4 to 12 words, one for a word of the question that has
    four letters or more; a point less for each word that repeats the one before it.
    """
    asked, told = (re.findall(r"\w+", text.lower()) for text in (question, answer))
    shared = {word for word in asked if len(word) >= 4} & set(told)
    repeats = sum(one == other for one, other in itertools.pairwise(told))
    return (
        2.0 * ("?" in answer)
        + 1.0 * (4 <= len(told) <= 12)
        + 1.0 * bool(shared)
        - 1.0 * repeats
    )


def unique(part: str) -> list[str]:
    """The questions of a part, each once."""
    return list(dict.fromkeys(question for question, _ in pairs_of(part)))


@functools.cache
def start() -> lm.GPT:
    """The fine-tuned model to begin with, by the recipe that its study chose."""
    rows = lm.studies.load("06_applications/dialogue")
    trials = rows[rows.validation_losses.notna() & (rows.masked == True)]  # noqa: E712
    best = min(trials.itertuples(), key=lambda row: min(row.validation_losses))
    epochs = int(np.argmin(best.validation_losses))
    return tuned(pairs_of("train"), True, best.learning_rate, epochs, seed=0)[0]


Comparison = tuple[
    str, Tokens, Tokens
]  # question, the answer that was preferred, the other


@functools.cache
def comparisons(part: str) -> list[Comparison]:
    """Two answers of the fine-tuned model to a question, of which the customer prefers one.

    The customer errs as Bradley and Terry say: of two answers the first is preferred with the
    probability σ(its points - those of the other).
    """
    questions = [question for question in unique(part) for _ in range(N_DRAWN)]
    answers = write(start(), [prompt(question) for question in questions], seed=0)
    generator = np.random.default_rng(0)
    found = []
    for first in range(0, len(questions), 2):
        question, (one, other) = questions[first], answers[first : first + 2]
        difference = liked(question, text_of(one)) - liked(question, text_of(other))
        if generator.random() >= 1 / (1 + math.exp(-difference)):
            one, other = other, one
        if one != other:
            found.append((question, one, other))
    return found


class Reward(nn.Module):
    """The fine-tuned model, with one number read from its last state instead of a token."""

    def __init__(self, gpt: lm.GPT) -> None:
        super().__init__()
        self.gpt = gpt
        self.read = nn.Linear(gpt.config.d_model, 1, bias=False)
        nn.init.zeros_(self.read.weight)

    def forward(self, tokens: Tensor, last: Tensor) -> Tensor:
        """Rewards, ``(batch,)``, of ``(batch, time)`` whose last tokens stand at ``last``."""
        hidden = self.gpt.hidden(tokens)
        return self.read(hidden[torch.arange(len(tokens)), last])[:, 0]


def padded(question_and_answers: Sequence[tuple[str, Tokens]]) -> tuple[Tensor, Tensor]:
    """Prompts with answers, and where each ends."""
    texts = [
        torch.tensor(prompt(question) + answer) for question, answer in question_and_answers
    ]
    return nn.utils.rnn.pad_sequence(texts, batch_first=True), torch.tensor(
        [len(t) - 1 for t in texts]
    )


def shuffled(n: int, epochs: int, seed: int) -> Iterator[list[int]]:
    """Numbers of the comparisons of each batch."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(n).tolist()
        yield from (order[first : first + BATCH_SIZE] for first in range(0, n, BATCH_SIZE))


def recipe(n: int, learning_rate: float) -> lm.TrainingConfig:
    """How both are trained."""
    steps = EPOCHS * math.ceil(n / BATCH_SIZE)
    return lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 10,
        weight_decay=0.0,
        evaluate_every=steps,
    )


def reward_model(learning_rate: float, seed: int) -> Reward:
    """Train a reward model on the comparisons of training questions."""
    some = comparisons("train")
    torch.manual_seed(seed)
    model = Reward(copy_of(start()))

    def loss(
        model: Reward, chosen: Tensor, last: Tensor, rejected: Tensor, other_last: Tensor
    ) -> Tensor:
        return bradley_terry_loss(model(chosen, last), model(rejected, other_last))

    batches = (
        (
            *padded([(some[i][0], some[i][1]) for i in rows]),
            *padded([(some[i][0], some[i][2]) for i in rows]),
        )
        for rows in shuffled(len(some), EPOCHS, seed)
    )
    lm.train(model, batches, recipe(len(some), learning_rate), loss=loss)
    return model.eval()


@torch.no_grad()
def rewards(model: Reward, question_and_answers: Sequence[tuple[str, Tokens]]) -> Tensor:
    """The rewards of many answers."""
    some = [
        question_and_answers[i : i + 128] for i in range(0, len(question_and_answers), 128)
    ]
    return torch.cat([model(*padded(each)) for each in some])


def reward_trial(learning_rate: float, seed: int) -> dict[str, Any]:
    """How well a reward model foretells the comparisons of validation questions."""
    model, some = reward_model(learning_rate, seed), comparisons("validation")
    chosen, rejected = (rewards(model, [(it[0], it[k]) for it in some]) for k in (1, 2))
    return {
        "n_comparisons": len(comparisons("train")),
        "loss": bradley_terry_loss(chosen, rejected).item(),
        "right": (chosen > rejected).float().mean().item(),
    }


@functools.cache
def pool() -> list[tuple[str, Tokens]]:
    """Many answers of the fine-tuned model to each test question."""
    questions = [question for question in unique("test") for _ in range(N_POOL)]
    return list(
        zip(
            questions, write(start(), [prompt(it) for it in questions], seed=1), strict=True
        )
    )


@functools.cache
def points() -> Tensor:
    """The judge's points of these answers: ``(questions, N_POOL)``."""
    return torch.tensor([liked(question, text_of(it)) for question, it in pool()]).view(
        -1, N_POOL
    )


def best_of(by: Tensor, of: Tensor, n: int) -> Tensor:
    """Expected value of the best of n answers drawn from the pool: ``(questions,)``.

    They are drawn without replacement. The answer in place i is the best of n if the others
    come after it (Nakano et al., 2021, https://arxiv.org/abs/2112.09332).
    """
    order = by.argsort(dim=1, descending=True, stable=True)
    ways = torch.tensor(
        [math.comb(N_POOL - 1 - i, n - 1) / math.comb(N_POOL, n) for i in range(N_POOL)]
    )
    return (of.gather(1, order) * ways.to(of.dtype)).sum(dim=1)


def best_of_n(learning_rate: float, seed: int) -> dict[str, Any]:
    """Points and rewards of the best of n by a reward model; points of the best by the judge."""
    model = reward_model(learning_rate, seed)
    by = rewards(model, pool()).view(-1, N_POOL)
    chosen = {n: best_of(by, points(), n) for n in NUMBERS}
    return {
        "numbers": NUMBERS,
        "kl": [best_of_n_kl(n) for n in NUMBERS],
        "points": [chosen[n].mean().item() for n in NUMBERS],
        "points_by_question": [chosen[n].tolist() for n in NUMBERS],
        "rewards": [best_of(by, by, n).mean().item() for n in NUMBERS],
        "by_judge": [best_of(points(), points(), n).mean().item() for n in NUMBERS],
    }


def preferred(learning_rate: float, beta: float, seed: int) -> tuple[lm.GPT, float]:
    """Train the model itself by DPO; it and its loss on comparisons of validation questions."""
    model = copy_of(start())

    def encoded(it: Comparison) -> tuple[tuple[Tokens, Tokens], tuple[Tokens, Tokens]]:
        return (prompt(it[0]), it[1]), (prompt(it[0]), it[2])

    @torch.no_grad()
    def reference(some: list[Comparison]) -> Tensor:
        rows = [both for it in some for both in encoded(it)]
        found = []
        for first in range(0, len(rows), 64):
            inputs, targets = batch(rows[first : first + 64])
            found.append(answer_log_probs(start()(inputs), targets))
        return torch.cat(found).view(-1, 2)

    def loss(model: lm.GPT, inputs: Tensor, targets: Tensor, before: Tensor) -> Tensor:
        now = answer_log_probs(model(inputs), targets).view(-1, 2)
        return dpo_loss(now[:, 0], now[:, 1], before[:, 0], before[:, 1], beta=beta)

    some = comparisons("train")
    known = reference(some)
    batches = (
        (*batch([both for i in rows for both in encoded(some[i])]), known[rows])
        for rows in shuffled(len(some), EPOCHS, seed)
    )
    lm.train(
        model.train(),
        batches,
        recipe(len(some), learning_rate),
        loss=loss,
    )
    model.eval()
    held = comparisons("validation")
    with torch.no_grad():
        inputs, targets = batch([both for it in held for both in encoded(it)])
        return model, loss(model, inputs, targets, reference(held)).item()


def dpo_trial(learning_rate: float, beta: float, seed: int) -> dict[str, Any]:
    """The loss on validation comparisons."""
    return {"loss": preferred(learning_rate, beta, seed)[1]}


@torch.no_grad()
def dpo(learning_rate: float, beta: float, seed: int) -> dict[str, Any]:
    """A model trained by DPO: points, divergence from the fine-tuned model, form and content."""
    began = time.process_time()
    with torch.enable_grad():
        model, loss = preferred(learning_rate, beta, seed)
    core_seconds = time.process_time() - began
    return {"core_seconds": core_seconds, "loss": loss} | judged(model, seed)


@torch.no_grad()
def judged(model: lm.GPT, seed: int) -> dict[str, Any]:
    """What a model writes, what the judge says to it, and how far it is from the fine-tuned one."""
    questions = [question for question in unique("test") for _ in range(N_DRAWN)]
    answers = write(model, [prompt(question) for question in questions], seed)
    rows = [
        (prompt(question), answer)
        for question, answer in zip(questions, answers, strict=True)
    ]
    ratios = []
    for first in range(0, len(rows), 64):
        inputs, targets = batch(rows[first : first + 64])
        now, before = (answer_log_probs(it(inputs), targets) for it in (model, start()))
        ratios.append(now - before)
    texts = [text_of(answer) for answer in answers]
    given = torch.tensor([liked(*both) for both in zip(questions, texts, strict=True)])
    pairs = pairs_of("test")
    return {
        "kl": torch.cat(ratios).mean().item(),
        "points": given.mean().item(),
        "points_by_question": given.view(-1, N_DRAWN).mean(dim=1).tolist(),
        "asks": float(np.mean(["?" in text for text in texts])),
        "n_words": float(np.mean([len(text.split()) for text in texts])),
        "ends": float(np.mean([base()[1].end_of_text in answer for answer in answers])),
        "answer_bits": -log_probs(model, pairs).sum().item()
        / math.log(2)
        / sum(len(a.encode()) for _, a in pairs),
        "found": found_among(model, "test"),
    }


def before(seed: int) -> dict[str, Any]:
    """The same of the fine-tuned model."""
    return judged(start(), seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_preferences")

    def score(function: Any, **key: float) -> Any:
        """The loss of a trial, by its rate."""
        return lambda rate: study.row(
            function, learning_rate=rate, seed=CHOOSING_SEED, **key
        )["loss"]

    for seed in SEEDS:
        study.row(before, seed=seed)
    rate = best_inside(LADDER, (2e-4, 5e-4, 1e-3), score(reward_trial))
    for seed in SEEDS:
        study.row(best_of_n, learning_rate=rate, seed=seed)
    # Chosen at one beta; the others take the same.
    rate = best_inside(LADDER, (1e-4, 2e-4, 5e-4), score(dpo_trial, beta=0.1))
    for seed in SEEDS:
        for beta in BETAS:
            study.row(dpo, learning_rate=rate, beta=beta, seed=seed)
    study.save()
