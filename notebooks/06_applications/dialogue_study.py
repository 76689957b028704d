"""Study of the chapter "Dialogue": what supervised fine-tuning changes in the base model.

    make study NAME=06_applications/dialogue

One thread, about 12 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from dialogue_base_study import ASSISTANT, N_PART, N_TEXT, USER, corpora
from tokenizers import Tokenizer as Fast
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.data.dialogues import dialogues, words
from largemodels.objectives.preferences import answer_log_probs

LONGEST_QUESTION, LONGEST_ANSWER = 44, 80  # tokens; few are longer, and are cut
N_NEW = 48  # tokens of an answer at most
N_CANDIDATES = 10  # answers that the right one is to be found among
BATCH_SIZE = 16
EPOCHS = 6  # at most; how many is chosen on the validation part
LADDER = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2]
FIRST = (5e-4, 1e-3, 2e-3)
CHOOSING_SEED = 100  # settings are chosen with it, and nothing is reported of it
SEEDS = range(3)
SHOWN = [  # questions of the test part whose answers are kept to be read; no others are
    "What is a computer?",
    "My printer is not printing.",
    "who wrote The Idiot",
    "What is the softest mineral in the world?",
    "do you drink",
    "What grows from an acorn?",
]
Pair = tuple[str, str]


@functools.cache
def base() -> tuple[lm.GPT, lm.ByteBPE]:
    """The base model and its tokenizer, from the study that trained it."""
    stored = lm.studies.load("06_applications/dialogue_base").iloc[0]
    kept = lm.studies.weights("06_applications/dialogue_base", "gpt")
    gpt = lm.GPT(lm.GPTConfig(**kept.config))
    gpt.load_state_dict(kept.state)
    return gpt.eval(), lm.ByteBPE(Fast.from_str(as_text(stored.tokenizer)))


def as_text(stored: dict[str, Any]) -> str:
    """A tokenizer's description as the package ``tokenizers`` reads it."""
    import json

    return json.dumps(stored["tokenizer"])


def copy_of(model: lm.GPT) -> lm.GPT:
    """A copy to train, so that the original stays."""
    made = lm.GPT(model.config)
    made.load_state_dict(model.state_dict())
    return made


@functools.cache
def table() -> pd.DataFrame:
    """The pairs of questions and answers."""
    return dialogues()


def pairs_of(part: str) -> list[Pair]:
    """Questions with answers of one part."""
    some = table()[table().part == part]
    return list(zip(some.question, some.answer, strict=True))


def prompt(question: str) -> list[int]:
    """The template up to where the answer begins. No text holds its marks: they have no letters."""
    return [USER, *base()[1].encode(question)[:LONGEST_QUESTION].tolist(), ASSISTANT]


def answered(answer: str) -> list[int]:
    """The tokens of an answer and the end of text."""
    tokenizer = base()[1]
    return [*tokenizer.encode(answer)[:LONGEST_ANSWER].tolist(), tokenizer.end_of_text]


def batch(
    pairs: Sequence[tuple[list[int], list[int]]], masked: bool = True
) -> tuple[Tensor, Tensor]:
    """Inputs and targets of pairs of token lists; the target is -100 where no loss is taken."""
    longest = max(len(before) + len(after) for before, after in pairs) - 1
    inputs = torch.zeros(len(pairs), longest, dtype=torch.int64)
    targets = torch.full((len(pairs), longest), -100)
    for row, (before, after) in enumerate(pairs):
        tokens = torch.tensor(before + after)
        inputs[row, : len(tokens) - 1] = tokens[:-1]
        first = len(before) if masked else 1
        targets[row, first - 1 : len(tokens) - 1] = tokens[first:]
    return inputs, targets


def tuned(
    pairs: list[Pair],
    masked: bool,
    learning_rate: float,
    epochs: int,
    seed: int,
    validation: list[Pair] | None = None,
) -> tuple[lm.GPT, list[float]]:
    """Fine-tune the base model; it and its losses on validation answers, in nats a token, by epoch.

    The rate is constant after its rise, so that fewer epochs are the beginning of more.
    """
    encoded = [(prompt(question), answered(answer)) for question, answer in pairs]
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(encoded)) for _ in range(epochs)]
    steps = math.ceil(len(encoded) / BATCH_SIZE)
    batches = (
        batch([encoded[i] for i in order[start : start + BATCH_SIZE]], masked)
        for order in orders
        for start in range(0, len(encoded), BATCH_SIZE)
    )
    model = copy_of(base()[0])
    recipe = lm.TrainingConfig(
        steps=epochs * steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 2,
        final_fraction=1.0,
        precision="bf16",
        evaluate_every=steps,
    )

    def evaluate() -> dict[str, float]:
        return (
            {}
            if validation is None
            else {"loss": -log_probs(model, validation).sum().item()}
        )

    history = lm.train(model.train(), batches, recipe, evaluate)
    model.eval()
    if validation is None:
        return model, []
    n_tokens = sum(len(answered(answer)) for _, answer in validation)
    return model, [loss / n_tokens for loss in history.loss]


@torch.no_grad()
def log_probs(model: lm.GPT, pairs: Sequence[Pair], asked: bool = True) -> Tensor:
    """Log-probabilities of answers with their ends in nats, ``(pairs,)``; or of no question."""
    encoded = [
        (prompt(question) if asked else [ASSISTANT], answered(answer))
        for question, answer in pairs
    ]
    order = sorted(
        range(len(encoded)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1])
    )
    found = torch.zeros(len(encoded))
    for start in range(0, len(order), 64):
        some = order[start : start + 64]
        inputs, targets = batch([encoded[i] for i in some])
        found[some] = answer_log_probs(model(inputs), targets)
    return found


def write(
    model: lm.GPT, prompts: Sequence[list[int]], seed: int, temperature: float = 1.0
) -> list[list[int]]:
    """An answer to each prompt: its tokens, with the end of text if it came within ``N_NEW``.

    Prompts of the same length are answered together.
    """
    generator = torch.Generator().manual_seed(seed)
    end = base()[1].end_of_text
    found: list[list[int]] = [[] for _ in prompts]
    for length in sorted(set(map(len, prompts))):
        rows = [i for i, some in enumerate(prompts) if len(some) == length]
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            tokens = torch.tensor([prompts[i] for i in some])
            texts = lm.generate(
                model, tokens, N_NEW, temperature, generator=generator, end_token=end
            )
            for i, text in zip(some, texts[:, length:].tolist(), strict=True):
                found[i] = text[: text.index(end) + 1] if end in text else text
    return found


def text_of(tokens: list[int]) -> str:
    """The text of an answer, on one line."""
    return " ".join(base()[1].decode([t for t in tokens if 0 < t < N_TEXT]).split())


def candidates(part: str, seed: int = 0) -> list[list[str]]:
    """For each pair of a part its answer and nine others, of other questions and other words."""
    pairs, generator = pairs_of(part), np.random.default_rng(seed)
    drawn = []
    for question, answer in pairs:
        own = {words(other) for asked, other in pairs if words(asked) == words(question)}
        others = sorted({other for _, other in pairs if words(other) not in own})
        some = generator.choice(len(others), N_CANDIDATES - 1, replace=False)
        drawn.append([answer, *(others[i] for i in some)])
    return drawn


def found_among(model: lm.GPT, part: str) -> list[bool]:
    """Whether the right one of ten answers gains most log-probability from the question."""
    lists, pairs = candidates(part), pairs_of(part)
    asked = [
        (question, one)
        for (question, _), some in zip(pairs, lists, strict=True)
        for one in some
    ]
    gain = log_probs(model, asked) - log_probs(model, asked, asked=False)
    return (gain.view(-1, N_CANDIDATES).argmax(dim=1) == 0).tolist()


def shown(texts: Sequence[str]) -> dict[str, str]:
    """The first answers to a few questions."""
    asked = [question for question, _ in pairs_of("test")]
    return {question: texts[asked.index(question)] for question in SHOWN}


def told(texts: Sequence[str]) -> list[bool]:
    """Whether the replies to the test questions on trivia hold the answer, word for word."""
    some = table()[table().part == "test"]
    return [
        f" {words(answer)} " in f" {words(text)} "
        for topic, answer, text in zip(some.topic, some.answer, texts, strict=True)
        if topic == "trivia"
    ]


def measure(model: lm.GPT, seed: int) -> dict[str, Any]:
    """What a model does that answers by the template: form, content, and what it has forgotten."""
    pairs, tokenizer = pairs_of("test"), base()[1]
    n_bytes = sum(len(answer.encode()) for _, answer in pairs)
    found = log_probs(model, pairs)
    far = len(pairs) // 2  # neighbours in the list may be answers to the same question
    shuffled = [(pairs[i - far][0], answer) for i, (_, answer) in enumerate(pairs)]
    assert all(
        words(it[0]) != words(other[0]) for it, other in zip(pairs, shuffled, strict=True)
    )
    tokens = write(model, [prompt(question) for question, _ in pairs], seed)
    texts = [text_of(some) for some in tokens]
    known = {words(answer) for _, answer in pairs_of("train")}
    return {
        "answer_bits": -found.sum().item() / math.log(2) / n_bytes,
        "question_helps": ((found - log_probs(model, shuffled)) / math.log(2)).tolist(),
        "found": found_among(model, "test"),
        "ends": float(np.mean([tokenizer.end_of_text in some for some in tokens])),
        "n_words": [len(text.split()) for text in texts],
        "copied": float(np.mean([words(text) in known for text in texts])),
        "told": told(texts),
        "texts": shown(texts),
    } | forgotten(model)


def forgotten(model: lm.GPT) -> dict[str, float]:
    """Bits a byte on the beginning of each kind of test text that the base model has read."""
    found = {}
    for kind, corpus in corpora().items():
        text = corpus.text("test")[:N_PART]
        tokens = base()[1].encode(text)
        nats = lm.evaluate(
            model, tokens, model.context_length, overlap=model.context_length // 2
        )
        found[f"{kind}_bits"] = nats * len(tokens) / len(text.encode()) / math.log(2)
    return found


def trial(masked: bool, learning_rate: float, seed: int) -> dict[str, Any]:
    """Losses on validation answers, by epoch, of one rate."""
    _, losses = tuned(
        pairs_of("train"),
        masked,
        learning_rate,
        EPOCHS,
        seed,
        validation=pairs_of("validation"),
    )
    return {"validation_losses": losses}


def chosen(study: Study, masked: bool) -> tuple[float, int]:
    """The rate and the number of epochs with the least loss on validation answers."""
    rows: dict[float, list[float]] = {}

    def score(rate: float) -> float:
        row = study.row(trial, masked=masked, learning_rate=rate, seed=CHOOSING_SEED)
        rows[rate] = row["validation_losses"]
        return min(rows[rate])

    rate = best_inside(LADDER, FIRST, score)
    return rate, int(np.argmin(rows[rate]))


def finetuned(masked: bool, learning_rate: float, epochs: int, seed: int) -> dict[str, Any]:
    """One fine-tuned model, measured on the test part."""
    began = time.process_time()
    model, _ = tuned(pairs_of("train"), masked, learning_rate, epochs, seed)
    core_seconds = time.process_time() - began
    return {"core_seconds": core_seconds} | measure(model, seed)


def untrained(seed: int) -> dict[str, Any]:
    """The base model, which has never seen the template's marks."""
    return measure(base()[0], seed)


def examples(seed: int, n: int = 3) -> dict[str, Any]:
    """The base model asked in words, after three questions with answers of the training part."""
    (model, tokenizer), pairs = base(), pairs_of("test")
    train = [pair for pair in pairs_of("train") if len(" ".join(pair)) < 60]
    drawn = np.random.default_rng(seed).choice(len(train), n, replace=False)
    before = "".join(f'"{train[i][0]}"\n\n"{train[i][1]}"\n\n' for i in drawn)
    prompts = [
        tokenizer.encode(f'{before}"{question}"\n\n"').tolist()[-80:]
        for question, _ in pairs
    ]
    tokens = write(model, prompts, seed)
    whole = [tokenizer.decode([t for t in some if t < N_TEXT]) for some in tokens]
    texts = [" ".join(text.split('"')[0].split("\n\n")[0].split()) for text in whole]
    return {
        "ends": float(np.mean(['"' in text or "\n\n" in text for text in whole])),
        "n_words": [len(text.split()) for text in texts],
        "told": told(texts),
        "texts": shown(texts),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue")
    for seed in SEEDS:
        study.row(untrained, seed=seed)
        study.row(examples, seed=seed)
    best = {masked: chosen(study, masked) for masked in (True, False)}
    for seed in SEEDS:
        for masked, (rate, epochs) in best.items():
            study.row(
                finetuned, masked=masked, learning_rate=rate, epochs=epochs, seed=seed
            )
    study.save()
