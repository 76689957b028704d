"""Study of the chapter "Pretraining a GPT": counting, a GPT beside counts, and a longer run.

    make study NAME=05_project/pretraining_longer

One thread, about 25 minutes. An interrupted study goes on where it stopped, even within the longer
run.
"""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.text.tokenizers import fingerprint

STEPS = 600  # of a GPT beside counts
RATES = (1e-3, 1.8e-3, 3e-3, 5e-3, 8e-3)
SWEEP_SEED = 100  # of the trials; the seeds that are reported are others
SIZES = dict(n_layer=2, n_head=4, d_model=64, context_length=64)  # the chapter's own GPT
BATCH_SIZE, ORDER, FOLDS = 16, 7, 5
LONGER = dict(
    tokens="byte pairs", vocab_size=2048, n_layer=4, n_head=4, d_model=128, context_length=128,
    steps=2_000, learning_rate=5e-3, matrix_learning_rate=0.02, seed=0,
)  # fmt: skip
N_PART = 20_000  # characters of validation text for the curve of the longer run
CHECKPOINT = Path(__file__).resolve().parents[2] / "_build" / "pretraining_longer"


def texts() -> dict[str, str]:
    """The three parts of the corpus, and the beginning of the validation plays."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    return parts | {"part": parts["validation"][:N_PART]}


def tokenizer_for(
    parts: dict[str, str], tokens: str, vocab_size: int | None
) -> lm.Tokenizer:
    """Characters of all parts, or byte pairs learnt from the training plays."""
    if tokens == "characters":
        return lm.CharTokenizer("".join(parts.values()))
    return lm.ByteBPE.train(parts["train"], vocab_size)


def count(tokens: str, vocab_size: int | None, order: int) -> dict[str, Any]:
    """Losses of an n-gram model that sees all tokens before, in nats a character."""
    parts = texts()
    tokenizer = tokenizer_for(parts, tokens, vocab_size)
    model = lm.NGram(order, tokenizer.vocab_size).fit(
        tokenizer.encode(parts["train"]).numpy()
    )
    return {
        f"{part}_loss": -model.log_probs(tokenizer.encode(parts[part])).sum()
        / len(parts[part])
        for part in ("part", "validation", "test")
    }


def beside(model: str, seed: int, learning_rate: float) -> dict[str, Any]:
    """The chapter's GPT beside counts of other folds, or "leaky counts", of the whole text."""
    parts = texts()
    tokenizer = tokenizer_for(parts, "characters", None)
    text, length = tokenizer.encode(parts["train"]), SIZES["context_length"]
    began = time.process_time()  # of one thread: what else the machine does is not counted
    torch.manual_seed(seed)
    network = lm.GPT(lm.GPTConfig(vocab_size=tokenizer.vocab_size, **SIZES))
    ngram = lm.NGram(ORDER, tokenizer.vocab_size).fit(text.numpy())
    trained = lm.ResidualLM(network, ngram)
    windows: Any = lm.batches(text, BATCH_SIZE, length, seed)
    if model == "counts":
        held_out = lm.HeldOut(ngram, text, FOLDS)
        windows = held_out.batches(lm.batches(held_out.positions, BATCH_SIZE, length, seed))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=learning_rate,
        warmup_steps=STEPS // 20,
        evaluate_every=STEPS,
    )
    lm.train(trained, windows, recipe)
    row = {"steps": STEPS, "core_seconds": time.process_time() - began}
    for part in ("validation", "test"):
        row[f"{part}_loss"] = lm.evaluate(
            trained, tokenizer.encode(parts[part]), length, overlap=length // 2
        )
    return row


def longer(
    tokens: str, vocab_size: int, context_length: int, steps: int, seed: int,
    learning_rate: float, matrix_learning_rate: float, **sizes: int,
) -> dict[str, Any]:  # fmt: skip
    """A larger GPT on byte pairs, trained by Muon; losses in nats a character."""
    parts = texts()
    tokenizer = tokenizer_for(parts, tokens, vocab_size)
    encoded = {part: tokenizer.encode(text) for part, text in parts.items()}
    torch.manual_seed(seed)
    gpt = lm.GPT(
        lm.GPTConfig(vocab_size=vocab_size, context_length=context_length, **sizes)
    )

    def loss(part: str) -> float:
        mean = lm.evaluate(gpt, encoded[part], context_length, overlap=context_length // 2)
        return mean * len(encoded[part]) / len(parts[part])

    spent = time.process_time()  # before training, and in evaluations

    def evaluate() -> dict[str, Any]:
        nonlocal spent
        began = time.process_time()
        generator = torch.Generator().manual_seed(seed)
        sample = lm.generate(
            gpt, tokenizer.encode("\n\n")[None], 60, 0.8, generator=generator
        )[0]
        found = {
            "part_loss": loss("part"),
            "sample": tokenizer.decode(sample).strip(),
            "core": began - spent,
        }
        spent += time.process_time() - began
        return found

    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=learning_rate, matrix_learning_rate=matrix_learning_rate,
        optimizer="muon", warmup_steps=steps // 20, evaluate_every=50,
    )  # fmt: skip
    windows = partial(lm.batches, encoded["train"], BATCH_SIZE, context_length, seed)
    history = lm.train(gpt, windows, recipe, evaluate, checkpoint=CHECKPOINT)
    # A run that was resumed counts from zero again.
    passed = history.core.diff().fillna(history.core)
    seconds = passed.where(passed >= 0, history.core).cumsum()
    study.keep("gpt", gpt)
    gpt.load_state_dict(
        {name: weight.half().float() for name, weight in gpt.state_dict().items()}
    )
    per_character = len(encoded["train"]) / len(parts["train"])
    row = {
        "n_parameters": gpt.n_parameters(),
        "core_seconds": seconds.iloc[-1],
        "tokenizer": fingerprint(tokenizer),
        "training_loss": history.training_loss.iloc[-1] * per_character,
        **{f"{part}_loss": loss(part) for part in ("part", "validation", "test")},
        "by_position": by_position(gpt, encoded["test"]),
        "curve_steps": history.step.tolist(),
        "curve_losses": history.part_loss.tolist(),
        "curve_samples": history["sample"].tolist(),
        "curve_seconds": seconds.tolist(),
    }
    shutil.rmtree(CHECKPOINT)
    return row


@torch.no_grad()
def by_position(gpt: lm.GPT, tokens: Tensor) -> list[float]:
    """Mean loss in nats a token after 1, 2, … tokens of a window; windows overlap by half."""
    length = gpt.context_length
    losses = [
        F.cross_entropy(gpt(some[:, :-1]).transpose(1, 2), some[:, 1:], reduction="none")
        for some in tokens.unfold(0, length + 1, length // 2).split(64)
    ]
    return torch.cat(losses).mean(dim=0).tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/pretraining_longer", timed=("core_seconds", "curve_seconds"))
    for order in range(1, 9):
        study.row(count, tokens="characters", vocab_size=None, order=order)
    for order in range(2, 6):
        study.row(count, tokens="byte pairs", vocab_size=2048, order=order)
    study.row(longer, **LONGER)
    trials = [
        study.row(beside, model="counts", seed=SWEEP_SEED, learning_rate=rate)
        for rate in RATES
    ]
    losses = [trial["validation_loss"] for trial in trials]
    best = RATES[losses.index(min(losses))]
    for model in ("counts", "leaky counts"):
        for seed in range(3):
            study.row(beside, model=model, seed=seed, learning_rate=best)
    study.save()
