"""Study of the chapter "Dialogue": causes taken away.

    make study NAME=06_applications/dialogue_checks

One thread, about 5 minutes. An interrupted study goes on where it stopped.

Three questions: can the base model choose replies when it is asked in words instead of marks that
it has never seen; what does fine-tuning teach when the answers are dealt out to other questions;
and does it teach the facts that it is shown, and others?
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from dialogue_preferences_study import shuffled
from dialogue_study import (
    BATCH_SIZE,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    N_CANDIDATES,
    Pair,
    answered,
    base,
    batch,
    candidates,
    copy_of,
    found_among,
    log_probs,
    pairs_of,
    prompt,
    table,
    text_of,
    tuned,
    write,
)
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.dialogues import words
from largemodels.objectives.preferences import answer_log_probs

SEEDS = range(3)
EPOCHS = [0, 1, 2, 4, 6]  # after which the facts are asked for
ROTE_RATE = 2e-3  # higher than the one chosen on validation, to learn by heart


def recipe_of_tuning() -> tuple[float, int]:
    """The rate and number of epochs that the study of fine-tuning chose, with the mask."""
    rows = lm.studies.load("06_applications/dialogue")
    trials = rows[rows.validation_losses.notna() & (rows.masked == True)]  # noqa: E712
    best = min(trials.itertuples(), key=lambda row: min(row.validation_losses))
    return best.learning_rate, int(np.argmin(best.validation_losses))


def dealt(pairs: list[Pair], seed: int) -> list[Pair]:
    """The same questions and answers, each answer at another question."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    return [
        (pairs[i][0], pairs[j][1]) for i, j in zip(order, np.roll(order, 1), strict=True)
    ]


@torch.no_grad()
def measure(model: lm.GPT, seed: int) -> dict[str, Any]:
    """Form and content on the test part, as in the study of fine-tuning."""
    pairs = pairs_of("test")
    n_bytes = sum(len(answer.encode()) for _, answer in pairs)
    far = len(pairs) // 2
    others = [(pairs[i - far][0], answer) for i, (_, answer) in enumerate(pairs)]
    found = log_probs(model, pairs)
    tokens = write(model, [prompt(question) for question, _ in pairs], seed)
    end = base()[1].end_of_text
    return {
        "answer_bits": -found.sum().item() / math.log(2) / n_bytes,
        "question_helps": ((found - log_probs(model, others)) / math.log(2)).tolist(),
        "found": found_among(model, "test"),
        "ends": float(np.mean([end in some for some in tokens])),
        "n_words": [len(text_of(some).split()) for some in tokens],
    }


@torch.no_grad()
def in_words(before: str, between: str, after: str) -> dict[str, Any]:
    """The base model chooses among ten replies, with question and reply set in words and signs."""
    model, tokenizer = base()

    def log_prob(some: list[tuple[str, str]]) -> Tensor:
        encoded = [
            (
                tokenizer.encode(start).tolist(),
                tokenizer.encode(answer)[:LONGEST_ANSWER].tolist()
                + tokenizer.encode(after).tolist(),
            )
            for start, answer in some
        ]
        found = []
        for first in range(0, len(encoded), 64):
            inputs, targets = batch(encoded[first : first + 64])
            found.append(answer_log_probs(model(inputs), targets))
        return torch.cat(found)

    def cut(question: str) -> str:
        return tokenizer.decode(tokenizer.encode(question)[: LONGEST_QUESTION - 8].tolist())

    lists, pairs = candidates("test"), pairs_of("test")
    asked = [
        (f"{before}{cut(question)}{between}", one)
        for (question, _), some in zip(pairs, lists, strict=True)
        for one in some
    ]
    unasked = [(between.strip() or between, one) for some in lists for one in some]
    gain = (log_prob(asked) - log_prob(unasked)).view(-1, N_CANDIDATES)
    return {"found": (gain.argmax(dim=1) == 0).tolist()}


def mismatched(seed: int) -> dict[str, Any]:
    """Fine-tuned on pairs whose answers belong to other questions."""
    rate, epochs = recipe_of_tuning()
    model, _ = tuned(dealt(pairs_of("train"), seed), True, rate, epochs, seed)
    return {"condition": "dealt"} | measure(model, seed)


def trivia(part: str) -> list[Pair]:
    """Questions on trivia of one part."""
    some = table()[(table().part == part) & (table().topic == "trivia")]
    return list(zip(some.question, some.answer, strict=True))


def rote(learning_rate: float, seed: int) -> dict[str, Any]:
    """The likeliest replies to trivia that were in training, and to others, by epoch."""
    model = copy_of(base()[0])
    encoded = [
        (prompt(question), answered(answer)) for question, answer in pairs_of("train")
    ]
    steps = math.ceil(len(encoded) / BATCH_SIZE)
    epochs = iter(range(EPOCHS[-1] + 1))  # lm.train evaluates before the first step, too

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        shares = {"train": math.nan, "test": math.nan}
        if next(epochs) not in EPOCHS:
            return shares
        for part in shares:
            asked = trivia(part)
            replies = write(model, [prompt(question) for question, _ in asked], seed, 0.0)
            hits = [
                f" {words(answer)} " in f" {words(text_of(reply))} "
                for (_, answer), reply in zip(asked, replies, strict=True)
            ]
            shares[part] = float(np.mean(hits))
        return shares

    batches = [
        batch([encoded[i] for i in rows])
        for rows in shuffled(len(encoded), EPOCHS[-1], seed)
    ]
    settings = lm.TrainingConfig(
        steps=EPOCHS[-1] * steps, learning_rate=learning_rate, warmup_steps=steps // 2,
        final_fraction=1.0, precision="bf16", evaluate_every=steps,
    )  # fmt: skip
    history = lm.train(model.train(), batches, settings, evaluate)
    return {"epochs": EPOCHS} | {
        f"{part}_told": [history[part].tolist()[epoch] for epoch in EPOCHS]
        for part in ("train", "test")
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_checks")
    study.row(in_words, before='"', between='"\n\n"', after='"')
    for seed in SEEDS:
        study.row(mismatched, seed=seed)
    for seed in SEEDS:
        study.row(rote, learning_rate=ROTE_RATE, seed=seed)
    study.save()
