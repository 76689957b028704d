"""How well small GPTs remember planted secrets, by how often these occur.

    make study NAME=07_challenges/privacy_and_security_secrets

One thread, about two minutes. The secrets are generated: 32 names, each with a code of four digits,
in lines that are mixed with 4,000 lines of Shakespeare, each 0 to 64 times. A row is one model: its
loss on other lines, and for each secret its exposure, from its rank among all 10,000 codes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from opacus.accountants.utils import get_noise_multiplier
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.data.text import shakespeare
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.objectives.private import private_gradients
from largemodels.text.exposure import code_log_probabilities, exposure
from largemodels.text.tokenizers import CharTokenizer

N_LINES, N_HELD_OUT, TIME = 4_000, 300, 41
COUNTS = (0, 1, 2, 4, 8, 16, 32, 64)
NAMES = [
    "Agnes",
    "Amber",
    "Anita",
    "Basil",
    "Becky",
    "Betty",
    "Brian",
    "Bruno",
    "Carla",
    "Cathy",
    "Chloe",
    "Clara",
    "Colin",
    "Cyril",
    "Daisy",
    "David",
    "Diana",
    "Doris",
    "Edgar",
    "Elena",
    "Ellen",
    "Elsie",
    "Emily",
    "Erica",
    "Ethel",
    "Felix",
    "Fiona",
    "Frank",
    "Freda",
    "Gavin",
    "Grace",
    "Grant",
]
BATCH, STEPS, WARM_UP, CLIP = 64, 300, 20, 0.3
EPSILON = 8.0  # for a line
RATES = (0.001, 0.003, 0.01)
EARLIER = (100, 200)  # steps after which the plain model is tried, too
SEEDS = (0, 1, 2)


def sentence(name: str, code: int) -> str:
    """A planted line."""
    return f"The code of {name} is {code:04d}."


@cache
def lines(seed: int) -> tuple[list[str], list[str], list[tuple[str, int, int]]]:
    """Lines to learn from, without secrets; lines held out; name, code and count of each secret."""
    rng = np.random.default_rng(seed)
    known = shakespeare().text("train").splitlines()
    some = sorted({it for it in known if 20 <= len(it) < TIME - 1})
    drawn = [some[it] for it in rng.permutation(len(some))[: N_LINES + N_HELD_OUT]]
    codes = rng.choice(10_000, len(NAMES), replace=False)
    places = rng.permutation(len(NAMES))
    secrets = [
        (NAMES[place], int(codes[place]), COUNTS[number % len(COUNTS)])
        for number, place in enumerate(places)
    ]
    return drawn[:N_LINES], drawn[N_LINES:], secrets


def tokenizer() -> CharTokenizer:
    """All characters of the plays, and the digits."""
    return CharTokenizer(shakespeare().text("train") + "0123456789")


def table(texts: list[str], known: CharTokenizer) -> tuple[Tensor, Tensor]:
    """Inputs and targets of lines, (lines, TIME); each begins and ends with a line break."""
    x = torch.zeros(len(texts), TIME, dtype=torch.long)
    y = torch.full_like(x, -100)
    for row, text in enumerate(texts):
        tokens = known.encode(f"\n{text}\n")
        x[row, : len(tokens) - 1], y[row, : len(tokens) - 1] = tokens[:-1], tokens[1:]
    return x, y


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats per character."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


@cache
def noise(n_lines: int) -> float:
    """Standard deviation of the noise for ε, as a multiple of the clipping norm."""
    found = get_noise_multiplier(
        target_epsilon=EPSILON,
        target_delta=1 / n_lines,
        sample_rate=BATCH / n_lines,
        steps=STEPS,
        accountant="prv",
    )
    return float(found)


def fresh(vocab_size: int, seed: int) -> GPT:
    """A model of one layer."""
    torch.manual_seed(seed)
    config = GPTConfig(vocab_size, context_length=TIME, n_layer=1, n_head=4, d_model=64)
    return GPT(config)


@torch.no_grad()
def measured(
    model: GPT, known: CharTokenizer, seed: int, suffix: str = ""
) -> dict[str, Any]:
    """Loss on the lines held out, and the exposure of each secret, by count."""
    _, held_out, secrets = lines(seed)
    x, y = table(held_out, known)
    row: dict[str, Any] = {f"loss{suffix}": loss_of(model(x), y).item()}
    for count in COUNTS:
        row[f"bits_{count}{suffix}"] = [
            round(
                exposure(
                    code_log_probabilities(model, known, f"\nThe code of {name} is ", 4),
                    code,
                ),
                3,
            )
            for name, code, often in secrets
            if often == count
        ]
    return row


def run(way: str, rate: float, seed: int) -> dict[str, Any]:
    """One model: "plain", "clipped" or "private"."""
    texts, _, secrets = lines(seed)
    planted = [sentence(name, code) for name, code, often in secrets for _ in range(often)]
    every = texts + planted
    known = tokenizer()
    x, y = table(every, known)
    model = fresh(known.vocab_size, seed)
    adam = torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.95))
    sigma = noise(len(every)) if way == "private" else 0.0
    row: dict[str, Any] = {"lines": len(every), "noise": sigma}
    for step in range(1, STEPS + 1):
        adam.param_groups[0]["lr"] = rate * min(1, step / WARM_UP)
        drawn = torch.rand(len(x)) < BATCH / len(x)  # each line by a coin of its own
        if way == "plain":
            adam.zero_grad()
            loss_of(model(x[drawn]), y[drawn]).backward()
        else:
            private_gradients(
                model, loss_of, x[drawn], y[drawn], clip=CLIP, noise=sigma, size=BATCH
            )
        adam.step()
        if way == "plain" and step in EARLIER:
            row |= measured(model, known, seed, f"_at_{step}")
    return row | measured(model, known, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_secrets")
    best = {}
    for way in ("plain", "private"):
        found = {rate: study.row(run, way=way, rate=rate, seed=0)["loss"] for rate in RATES}
        best[way] = min(found, key=found.__getitem__)
    best["clipped"] = best["private"]
    for way, rate in best.items():
        for seed in SEEDS:
            if seed or way == "clipped":
                study.row(run, way=way, rate=rate, seed=seed)
    study.save()
