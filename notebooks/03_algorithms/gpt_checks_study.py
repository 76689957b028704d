"""Study of the chapter "GPT": what its referee asked.

    make study NAME=03_algorithms/gpt_checks

One thread, about 5 minutes. Learned positions that start as large as the tokens, in three networks
of the study `gpt`. Then the five networks of the study `gpt_inside`, trained again, with random
places hidden instead of those that matter, and on sequences four times as long with far places
hidden from either block. Rates are chosen as in the study `gpt`.
"""

from __future__ import annotations

import functools
from typing import Any

import gpt_inside_study as inside
import gpt_study as chains
import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.data.chains import chain_batches, chain_log_probs
from largemodels.models.presets import preset

LONG, N_LONG = 256, 64
NETWORKS: dict[str, dict[str, Any]] = {
    "modern, learned positions, both 1": dict(start="modern", std=1.0),
    "modern, learned positions, both 0.02": dict(start="modern", std=0.02),
    "GPT-2, own head, both 1": dict(start="GPT-2", std=1.0),
}


def network(name: str) -> lm.GPT:
    """With learned positions that start with the deviation of the tokens."""
    start, std = NETWORKS[name]["start"], NETWORKS[name]["std"]
    choices = chains.SIZES | dict(d_model=64, position="learned", embedding_std=std)
    if start == "modern":
        model = lm.GPT(preset("modern", **choices))
    else:
        model = lm.GPT(lm.GPTConfig(**choices, tied_head=False))
    torch.nn.init.normal_(model.position_embedding.weight, std=std)
    return model


def learnt(name: str, rate: float, seed: int) -> dict[str, Any]:
    """One training run of 200 steps."""
    torch.manual_seed(seed)
    model = network(name)
    at, curve = chains.trained(model, seed, rate, chains.STEPS)
    _, best, symbols = chains.sequences(chains.N_VALIDATION, chains.VALIDATION)
    third = (symbols - best) / 3
    fell = next((step for step, it in zip(at, curve, strict=True) if it < third), None)
    row: dict[str, Any] = {"validation_excess": curve[-1], "fell": fell}
    if seed != chains.TUNING_SEED:
        tokens, best, _ = chains.sequences(chains.N_TEST, chains.TEST)
        with torch.no_grad():
            row["excess"] = chains.excess(model.eval(), tokens, best)
    return row


@torch.no_grad()
def loss(model: lm.GPT, tokens: Tensor, masks: list[Tensor], last: int = 0) -> float:
    """Loss under a mask for each block, of all places or the last ones, nats."""
    logits, _ = inside.forward(model, tokens[:, :-1], masks)
    each = F.cross_entropy(logits.mT, tokens[:, 1:], reduction="none")
    return float(each[:, -last:].mean())


def taken_apart(seed: int) -> dict[str, Any]:
    """Random places hidden; and far places, on long sequences."""
    torch.manual_seed(seed)
    model = inside.modern()
    chains.trained(model, seed, inside.RATE, chains.STEPS)
    model.eval()
    tokens, best, _ = chains.sequences(chains.N_TEST, chains.TEST)
    where = inside.places(tokens[:, :-1])
    seen, itself = where["seen"], torch.eye(tokens.shape[1] - 1, dtype=torch.bool)
    after = where["after the same"] & seen
    # As many places as are behind earlier occurrences, drawn among all that are seen.
    drawn = torch.rand(after.shape, generator=torch.Generator().manual_seed(seed))
    order = drawn.masked_fill(~seen, 2.0).argsort(-1).argsort(-1)
    random = order < after.sum(-1, keepdim=True)
    first = seen & ~where["one back"] | itself
    with torch.no_grad():
        looks = inside.forward(model, tokens[:, :-1], [first, seen])[1][1]
    known = slice(inside.KNOWN, None)
    row: dict[str, Any] = {
        "untouched": loss(model, tokens, [seen, seen]) - best,
        "random places hidden from block 2": loss(
            model, tokens, [seen, seen & ~random | itself]
        )
        - best,
        "blind block 1: weight after the same": (looks * after)
        .sum(-1)[..., known]
        .mean()
        .item(),
    }
    inputs, targets = next(
        chain_batches(chains.N_SYMBOLS, LONG, chains.CONCENTRATION, N_LONG, 1_000_003)
    )
    long = torch.cat([inputs, targets[:, -1:]], dim=1)
    log_probs = chain_log_probs(long, chains.N_SYMBOLS, chains.CONCENTRATION)
    best, every = (
        -log_probs[:, -chains.LENGTH :].mean().item(),
        inside.places(inputs)["seen"],
    )
    back = torch.arange(LONG)[:, None] - torch.arange(LONG)
    near = every & (back < chains.LENGTH)
    for name, masks in {
        "long": [every, every], "long, block 1 near": [near, every],
        "long, block 2 near": [every, near], "long, both near": [near, near],
    }.items():  # fmt: skip
        row[name] = loss(model, long, masks, chains.LENGTH) - best
    ends = range(LONG - chains.LENGTH + 1, LONG + 1)
    short = [
        chain_log_probs(
            long[:, end - chains.LENGTH : end + 1], chains.N_SYMBOLS, chains.CONCENTRATION
        )[:, -1]
        for end in ends
    ]
    row["best of the last 64"] = -torch.stack(short).mean().item() - best
    return row


def score(study: lm.studies.Study, name: str, rate: float) -> float:
    """The validation loss of a trial."""
    row = study.row(learnt, name=name, rate=rate, seed=chains.TUNING_SEED)
    return float(row["validation_excess"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/gpt_checks")
    for seed in inside.SEEDS:
        study.row(taken_apart, seed=seed)
    for name in NETWORKS:
        trial = functools.partial(score, study, name)
        rate = lm.studies.best_inside(chains.RATES, chains.FIRST, trial)
        for seed in chains.SEEDS:
            study.row(learnt, name=name, rate=rate, seed=seed)
    study.save()
