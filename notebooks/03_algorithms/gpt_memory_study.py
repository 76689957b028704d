"""Study of the chapter "GPT": how often must a text be read before the weights hold it?

    make study NAME=03_algorithms/gpt_memory

One thread, about 3 minutes. Sentences with eight random letters, the secrets, are put into
Shakespeare's plays 1, 2, 4, … times each, and a modern GPT on characters is trained on the result.
Then it gets the beginning of each sentence. Measured is its loss on the secret's letters, and
whether its greedy continuation is the secret, beside secrets that were in no training text; and the
loss on such a new secret that stands once before it in the same window.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.presets import preset

TIMES = (0, 1, 2, 4, 8, 16, 32, 64, 128)  # how often a secret is put into the text
N_EACH, N_LETTERS = 6, 8  # secrets for each number of times; letters of a secret
N_TEXT, LENGTH, BATCH_SIZE, STEPS = 300_000, 128, 16, 500
BEFORE, AFTER = "\nThe word for gate ", ".\n"
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SEEDS, TUNING_SEED = range(3), 100
PLACE = 24  # letters of a play between a sentence and its repetition in one window


def secret_text(seed: int, tokenizer: lm.Tokenizer) -> tuple[Tensor, dict[int, list[str]]]:
    """A text with secrets in it, ``(time,)``, and the sentences by how often each is there."""
    rng = np.random.default_rng((seed, 1))
    gates = rng.choice(10_000, size=(len(TIMES), N_EACH), replace=False)
    sentences = {
        times: [f"{BEFORE}{name(gate)} is {letters(rng)}{AFTER}" for gate in row]
        for times, row in zip(TIMES, gates, strict=True)
    }
    text = lm.shakespeare().text("train")[:N_TEXT]
    lines = text.split("\n")
    for times, those in sentences.items():
        for sentence in those:
            for place in rng.integers(len(lines), size=times):
                lines[place] += sentence.rstrip("\n")
    return tokenizer.encode("\n".join(lines)), sentences


def name(number: int) -> str:
    """A number as four letters, so that each gate has a name of its own."""
    return "".join("ABCDEFGHIJ"[int(digit)] for digit in f"{number:04}")


def letters(rng: np.random.Generator) -> str:
    """A secret: letters drawn independently."""
    return "".join(chr(97 + it) for it in rng.integers(26, size=N_LETTERS))


@torch.no_grad()
def known(
    model: lm.GPT, before: list[Tensor], secrets: list[Tensor]
) -> tuple[float, float]:
    """Mean loss on the letters of secrets, nats each, and the share of secrets written greedily."""
    losses, right = [], []
    for start, secret in zip(before, secrets, strict=True):
        logits = model(torch.cat([start, secret])[None, :-1])[0, len(start) - 1 :]
        losses.append(torch.nn.functional.cross_entropy(logits, secret).item())
        # Greedy writing gives the secret if each letter is the likeliest after the right ones.
        right.append(bool((logits.argmax(-1) == secret).all()))
    return float(np.mean(losses)), float(np.mean(right))


def memory(d_model: int, steps: int, rate: float, seed: int) -> dict[str, Any]:
    """Train on a text with secrets and ask for them."""
    corpus = lm.shakespeare()
    tokenizer = lm.CharTokenizer(
        "".join(corpus.text(part) for part in ("train", "validation"))
    )
    tokens, sentences = secret_text(seed, tokenizer)
    validation = tokenizer.encode(corpus.text("validation")[:20_000])
    torch.manual_seed(seed)
    sizes = dict(
        vocab_size=tokenizer.vocab_size, context_length=LENGTH, n_layer=2, n_head=4
    )
    model = lm.GPT(preset("modern", d_model=d_model, **sizes))
    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 20, evaluate_every=steps
    )
    lm.train(model, lm.batches(tokens, BATCH_SIZE, LENGTH, seed), recipe)
    model.eval()
    row: dict[str, Any] = {
        "validation_loss": lm.evaluate(model, validation, LENGTH, overlap=LENGTH // 2),
        "passes": steps * BATCH_SIZE * LENGTH / len(tokens),
    }
    if seed == TUNING_SEED:
        return row
    end = -len(AFTER) - N_LETTERS
    for times, those in sentences.items():
        before = [tokenizer.encode(it[:end]) for it in those]
        secrets = [tokenizer.encode(it[end : -len(AFTER)]) for it in those]
        row[f"loss {times}"], row[f"written {times}"] = known(model, before, secrets)
        if times == 0:
            between = validation[1_000 : 1_000 + PLACE]
            twice = [
                torch.cat([tokenizer.encode(it), between, start])
                for it, start in zip(those, before, strict=True)
            ]
            row["loss in context"], row["written in context"] = known(model, twice, secrets)
    return row


def score(study: lm.studies.Study, sizes: dict[str, int], rate: float) -> float:
    """The validation loss of a trial."""
    row = study.row(memory, **sizes, rate=rate, seed=TUNING_SEED)
    return float(row["validation_loss"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/gpt_memory")
    sizes = dict(d_model=64, steps=STEPS)
    rate = lm.studies.best_inside(RATES, (1e-2,), functools.partial(score, study, sizes))
    for seed in SEEDS:
        study.row(memory, **sizes, rate=rate, seed=seed)
    study.save()
