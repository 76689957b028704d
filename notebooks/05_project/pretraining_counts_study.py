"""Study of the chapter "Pretraining a GPT": what counting can still gain, and who speaks.

    make study NAME=05_project/pretraining_counts

One thread, about 6 minutes. It needs the weights that the study `pretraining_longer` has kept.
"""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.book import studies

SIZES = dict(n_layer=2, n_head=4, d_model=64, context_length=64)  # the chapter's own GPT
BATCH_SIZE, ORDER, FOLDS = 16, 7, 5
STEPS_ALONE, RATE_ALONE = 1_800, 2e-2  # the best of five, in the study `pretraining`
STEPS_WEIGHTS, RATE_WEIGHTS = 100, 5e-2
VOCAB_SIZE, ORDER_OF_PAIRS = (
    2_048,
    4,
)  # of the byte pairs: the better of the study `pretraining_longer`
RECENT = (32, 64, 128, 256, 512, 1_024, 2_048)  # tokens that a cache of recent ones holds
N_TEXTS, N_NEW, TEMPERATURE = 100, 300, 0.6
N_WORDS = 120  # of each text, when its longest copy is sought
SPEAKER = re.compile(r"^([A-Z][A-Z ]+)\.$", re.MULTILINE)


def texts() -> dict[str, str]:
    """The three parts of the corpus."""
    corpus = lm.shakespeare()
    return {part: corpus.text(part) for part in ("train", "validation", "test")}


def prepared() -> tuple[dict[str, Tensor], lm.NGram, int]:
    """The three parts as characters, the counts of the training plays, how many characters."""
    parts = texts()
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    encoded = {part: tokenizer.encode(text) for part, text in parts.items()}
    ngram = lm.NGram(ORDER, tokenizer.vocab_size).fit(encoded["train"].numpy())
    return encoded, ngram, tokenizer.vocab_size


def recipe(steps: int, learning_rate: float) -> lm.TrainingConfig:
    """The chapter's."""
    return lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )


def weights_of_orders(train: Tensor, ngram: lm.NGram, seed: int) -> list[float]:
    """Constant weights, found on the folds: a GPT beside counts whose network is all zeros."""
    network = lm.GPT(
        lm.GPTConfig(ngram.vocab_size, context_length=64, n_layer=1, n_head=1, d_model=2)
    )
    model = lm.ResidualLM(network, ngram)
    for weight in model.parameters():
        weight.requires_grad_(weight is model.gate.bias)
        if weight is not model.gate.bias:
            nn.init.zeros_(weight)
    held_out = lm.HeldOut(ngram, train, FOLDS)
    windows = lm.batches(held_out.positions, BATCH_SIZE, SIZES["context_length"], seed)
    lm.train(model, held_out.batches(windows), recipe(STEPS_WEIGHTS, RATE_WEIGHTS))
    return model.gate.bias.tolist()


def weighted_log_probs(ngram: lm.NGram, tokens: Tensor, weights: list[float]) -> np.ndarray:
    """Of each token after the first ones, from all tokens before it: `(time - order + 1,)`."""
    before = tokens.unfold(0, ngram.order, 1)  # (time - order + 1, order), the target last
    found = []
    for some in before.split(2_000):
        by_order = torch.from_numpy(ngram.log_probs_by_order(some[:, :-1].numpy())).float()
        log_p = (torch.tensor(weights)[:, None] * by_order).sum(dim=1).log_softmax(-1)
        found.append(log_p.gather(1, some[:, -1:])[:, 0])
    return torch.cat(found).double().numpy()


def constant_weights(model: str, seed: int) -> dict[str, Any]:
    """Orders weighed by constants; losses in nats a character."""
    encoded, ngram, _ = prepared()
    began = time.process_time()
    weights = weights_of_orders(encoded["train"], ngram, seed)
    row: dict[str, Any] = {"weights": weights, "core_seconds": time.process_time() - began}
    for part in ("validation", "test"):
        row[f"{part}_loss"] = -weighted_log_probs(ngram, encoded[part], weights).mean()
    return row


def recent_share(tokens: np.ndarray, n_recent: int) -> np.ndarray:
    """How much of the last `n_recent` tokens, or of all if there are fewer, each token was."""
    found = np.zeros(len(tokens))
    for back in range(1, n_recent + 1):
        found[back:] += tokens[back:] == tokens[:-back]
    return found / np.arange(len(tokens)).clip(1, n_recent)


def counts_of_pairs(model: str, seed: int) -> dict[str, Any]:
    """Byte pairs counted: plain and weighted, without and with a cache; in nats a character.

    The cache holds 128 tokens, as many as the GPT of the longer run sees, or as many as is best.
    """
    parts = texts()
    tokenizer = lm.ByteBPE.train(parts["train"], VOCAB_SIZE)
    encoded = {part: tokenizer.encode(text) for part, text in parts.items()}
    ngram = lm.NGram(ORDER_OF_PAIRS, VOCAB_SIZE).fit(encoded["train"].numpy())
    weights = weights_of_orders(encoded["train"], ngram, seed)
    log_probs, shares = {}, {}
    for part in ("validation", "test"):
        tokens = encoded[part].numpy()
        log_probs["plain", part] = ngram.log_probs(tokens)[ORDER_OF_PAIRS - 1 :]
        log_probs["weighted", part] = weighted_log_probs(ngram, encoded[part], weights)
        for n_recent in RECENT:
            found = recent_share(tokens, n_recent)
            shares[n_recent, part] = found[ORDER_OF_PAIRS - 1 :]

    def loss(counts: str, part: str, n_recent: int, cached: float) -> float:
        p = (1 - cached) * np.exp(log_probs[counts, part]) + cached * shares[n_recent, part]
        return float(-np.log(p).sum() / len(parts[part]))

    row: dict[str, Any] = {"weights": weights}
    for counts in ("plain", "weighted"):
        tried = [
            (loss(counts, "validation", n_recent, cached), n_recent, cached)
            for n_recent in RECENT
            for cached in np.linspace(0, 0.3, 31).tolist()
        ]
        for name, some in (
            ("", [one for one in tried if one[2] == 0]),
            ("_cache_128", [one for one in tried if one[1] == 128]),
            ("_cache", tried),
        ):
            _, n_recent, cached = min(some)
            row[f"{counts}{name}_test_loss"] = loss(counts, "test", n_recent, cached)
            row[f"{counts}{name}_validation_loss"] = min(some)[0]
            row[f"{counts}{name}_chosen"] = [n_recent, cached]
    return row


@torch.no_grad()
def gpt_log_probs(gpt: lm.GPT, tokens: Tensor) -> np.ndarray:
    """Of each token from the second half of the first window on; windows overlap by half."""
    length, half = gpt.context_length, gpt.context_length // 2
    found = [
        gpt(some[:, :-1])[:, half:]
        .log_softmax(-1)
        .gather(-1, some[:, half + 1 :, None])
        .flatten()
        for some in tokens.unfold(0, length + 1, half).split(64)
    ]
    return torch.cat(found).double().numpy()


def mixed(model: str, seed: int) -> dict[str, Any]:
    """A GPT mixed with an n-gram, plain or weighted, by a share chosen on the validation plays."""
    encoded, ngram, vocab_size = prepared()
    torch.manual_seed(seed)
    gpt = lm.GPT(lm.GPTConfig(vocab_size=vocab_size, **SIZES))
    windows = lm.batches(encoded["train"], BATCH_SIZE, SIZES["context_length"], seed)
    lm.train(gpt, windows, recipe(STEPS_ALONE, RATE_ALONE))
    weights = weights_of_orders(encoded["train"], ngram, seed)
    skipped = gpt.context_length // 2 + 1  # tokens that the GPT has not been asked for
    log_probs: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    for part in ("validation", "test"):
        of_gpt = gpt_log_probs(gpt, encoded[part])
        counted = {
            "plain": ngram.log_probs(encoded[part].numpy())[skipped:],
            "weighted": weighted_log_probs(ngram, encoded[part], weights)[
                skipped - ORDER + 1 :
            ],
        }
        log_probs[part] = (
            of_gpt,
            {name: one[: len(of_gpt)] for name, one in counted.items()},
        )

    def loss(part: str, counts: str, share: float) -> float:
        of_gpt, counted = log_probs[part]
        return float(
            -np.log(share * np.exp(of_gpt) + (1 - share) * np.exp(counted[counts])).mean()
        )

    row: dict[str, Any] = {}
    for counts in ("plain", "weighted"):
        shares = np.linspace(0, 1, 101).tolist()
        share = min(shares, key=lambda one: loss("validation", counts, one))
        row[f"{counts}_share"] = share
        row[f"{counts}_validation_loss"] = loss("validation", counts, share)
        row[f"{counts}_test_loss"] = loss("test", counts, share)
    return row


def longest_copy(text: str, plays: str) -> int:
    """Most consecutive words of a text that also stand in the training plays."""
    words, longest = text.split()[:N_WORDS], 0
    for start in range(len(words)):
        while (
            start + longest < len(words)
            and " ".join(words[start : start + longest + 1]) in plays
        ):
            longest += 1
    return longest


def written(model: str, seed: int) -> dict[str, Any]:
    """Texts by the longer run's GPT or by the n-gram of byte pairs: speakers and longest copies.

    "a real play": as many passages of the test plays, at equal distances.
    """
    parts = texts()
    kept = studies.weights("05_project/pretraining_longer", "gpt")
    gpt = lm.GPT(lm.GPTConfig(**kept.config))
    gpt.load_state_dict(kept.state)
    byte_pairs = lm.ByteBPE.train(parts["train"], gpt.config.vocab_size)
    start = byte_pairs.encode("\n\n")
    if model == "GPT":
        rows = lm.generate(
            gpt, start.repeat(N_TEXTS, 1), N_NEW, TEMPERATURE,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        found = [byte_pairs.decode(row) for row in rows]
    elif model == "n-gram":
        order = 4
        ngram = lm.NGram(order, byte_pairs.vocab_size).fit(
            byte_pairs.encode(parts["train"]).numpy()
        )
        rng = np.random.default_rng(seed)
        grown = start.repeat(N_TEXTS, order).numpy()
        for _ in range(N_NEW):
            probs = ngram.distributions(grown[:, 1 - order :]) ** (1 / TEMPERATURE)
            probs /= probs.sum(axis=1, keepdims=True)  # (n_texts, vocab_size)
            grown = np.hstack([grown, [[rng.choice(len(row), p=row)] for row in probs]])
        found = [byte_pairs.decode(torch.from_numpy(row)) for row in grown]
    else:
        text, length = parts["test"], 900  # characters: about as long as what is written
        starts = np.linspace(0, len(text) - length, N_TEXTS).astype(int)
        found = [text[begin : begin + length] for begin in starts]
    plays = " ".join(parts["train"].split())
    return {
        "speakers": [SPEAKER.findall(text) for text in found],
        "longest_copy": [longest_copy(text, plays) for text in found],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = studies.Study("05_project/pretraining_counts")
    for model in ("GPT", "n-gram", "a real play"):
        study.row(written, model=model, seed=0)
    for seed in range(3):
        study.row(constant_weights, model="constant weights", seed=seed)
    for seed in range(3):
        study.row(counts_of_pairs, model="counts of byte pairs", seed=seed)
    for seed in range(3):
        study.row(mixed, model="mixture", seed=seed)
    study.save()
