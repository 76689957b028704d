"""Study of the chapter "GPT": what is inside a small GPT that learns from its context.

    make study NAME=03_algorithms/gpt_inside

One thread, about 12 minutes. The modern GPT of the study `gpt` is trained with other seeds and
taken apart: where its heads look, what remains when one head is cut (it writes zero into the
stream), and when positions are hidden from all heads of a block. Then it learns with token
embeddings of other sizes, at several rates; with one block instead of two; and a GPT-2, which
stayed at counts of symbols in 200 steps, trains for 800. Rates are chosen as in that study, at the
length at which they are reported.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import gpt_study as chains
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.presets import preset
from largemodels.models.rotary import rotate, rotation

SEEDS, FEW = range(10, 15), range(10, 12)
LONGER = 800
RATE = 1e-2  # the best of the modern GPT in the study `gpt`
STDS = (0.02, 0.1, 0.5, 2.0)
KNOWN = 32  # symbols before the place where heads are looked at


def modern(**other: Any) -> lm.GPT:
    """The modern GPT of the study `gpt`, with other settings."""
    return lm.GPT(preset("modern", **(chains.SIZES | dict(d_model=64) | other)))


def forward(
    model: lm.GPT, tokens: Tensor, masks: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Logits and each block's attention ``(n, n_head, time, time)``, with a mask for each block."""
    turned = rotation(torch.arange(tokens.shape[1]), model.config.d_head)
    x, found = model.token_embedding(tokens), []
    for block, mask in zip(model.blocks, masks, strict=True):
        layer = block.attention
        heads = layer.qkv(block.attention_norm(x)).unflatten(-1, (-1, layer.d_head))
        q, k, _ = heads.transpose(1, 2).chunk(3, dim=1)
        q, k = rotate(layer.q_norm(q), *turned), rotate(layer.k_norm(k), *turned)
        scores = q @ k.mT / math.sqrt(layer.d_head)
        found.append(scores.masked_fill(~mask, -math.inf).softmax(dim=-1))
        x = block(x, mask, turned)
    return model.logits(model.final_norm(x)), found


def places(tokens: Tensor) -> dict[str, Tensor]:
    """Which positions are which, seen from each, ``(n or 1, 1, time, time)``."""
    time = tokens.shape[1]
    back = torch.arange(time)[:, None] - torch.arange(
        time
    )  # how far behind the query a key is
    same = tokens[:, :, None] == tokens[:, None, :]
    after = same.roll(1, dims=2) & (torch.arange(time) > 0) & (back >= 0)
    return {
        "seen": (back >= 0)[None, None],
        "one back": (back == 1)[None, None],
        "two back": (back == 2)[None, None],
        "after the same": after[:, None],
    }


@torch.no_grad()
def taken_apart(model: lm.GPT, tokens: Tensor, best: float) -> dict[str, Any]:
    """Where heads look, and the excess loss with parts away."""
    read, asked = tokens[:, :-1], tokens[:, 1:]
    where = places(read)
    seen = where["seen"]

    def loss(masks: list[Tensor]) -> float:
        logits, _ = forward(model, read, masks)
        return float(torch.nn.functional.cross_entropy(logits.mT, asked)) - best

    row: dict[str, Any] = {"excess": loss([seen, seen])}
    for name in ("one back", "after the same"):
        row[f"weight {name}"] = [
            (it * where[name]).sum(-1)[..., KNOWN:].mean((0, 2)).tolist()
            for it in forward(model, read, [seen, seen])[1]
        ]
    # The share of such places among those seen: the weight of heads that look everywhere alike.
    share = (where["after the same"] & seen).sum(-1) / seen.sum(-1)
    row["alike"] = share[..., KNOWN:].double().mean().item()
    for number, name in (
        (1, "one back"),
        (1, "two back"),
        (2, "one back"),
        (2, "after the same"),
    ):
        masks = [seen, seen]
        masks[number - 1] = seen & ~where[name] | torch.eye(read.shape[1], dtype=torch.bool)
        row[f"{name} hidden from block {number}"] = loss(masks)
    row["cut"] = []
    for block in model.blocks:
        matrix = block.attention.project.weight
        for columns in range(0, matrix.shape[1], model.config.d_head):
            kept = matrix[:, columns : columns + model.config.d_head].clone()
            matrix[:, columns : columns + model.config.d_head] = 0
            row["cut"].append(loss([seen, seen]))
            matrix[:, columns : columns + model.config.d_head] = kept
    return row


def inside(phase: str, seed: int) -> dict[str, Any]:
    """Train a modern GPT of two blocks and take it apart."""
    torch.manual_seed(seed)
    model = modern()
    chains.trained(model, seed, RATE, chains.STEPS)
    tokens, best, symbols = chains.sequences(chains.N_TEST, chains.TEST)
    return taken_apart(model.eval(), tokens, best) | {"symbols": symbols - best}


def build(phase: str, change: float) -> lm.GPT:
    """A network by the name of its row."""
    if phase == "blocks":
        return modern(n_layer=int(change))
    if phase == "embeddings":
        return modern(embedding_std=change)
    return chains.network("GPT-2", "", 64)


def learnt(phase: str, change: float, rate: float, seed: int) -> dict[str, Any]:
    """One training run: excess loss on test sequences, and its curve on validation sequences."""
    torch.manual_seed(seed)
    model = build(phase, change)
    steps = LONGER if phase == "longer" else chains.STEPS
    at, curve = chains.trained(model, seed, rate, steps)
    tokens, best, symbols = chains.sequences(chains.N_TEST, chains.TEST)
    with torch.no_grad():
        excess = chains.excess(model.eval(), tokens, best)
    third = (symbols - best) / 3
    fell = next((step for step, it in zip(at, curve, strict=True) if it < third), None)
    return {"validation_excess": curve[-1], "excess": excess, "fell": fell}


def score(study: lm.studies.Study, phase: str, change: float, rate: float) -> float:
    """The validation loss of a trial."""
    row = study.row(learnt, phase=phase, change=change, rate=rate, seed=chains.TUNING_SEED)
    return float(row["validation_excess"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/gpt_inside")
    for seed in SEEDS:
        study.row(inside, phase="inside", seed=seed)
    for std in STDS:
        for rate in chains.FIRST:
            for seed in FEW:
                study.row(learnt, phase="embeddings", change=std, rate=rate, seed=seed)
    for phase, change in (("blocks", 1), ("longer", 0)):
        trial = functools.partial(score, study, phase, change)
        rate = lm.studies.best_inside(chains.RATES, chains.FIRST, trial)
        for seed in FEW:
            study.row(learnt, phase=phase, change=change, rate=rate, seed=seed)
    study.save()
