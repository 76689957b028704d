"""Study of the chapter "Attention by hand": what does a network lose without the root of d_k?

    make study NAME=04_math/attention_by_hand

One thread, about 5 minutes. An interrupted study goes on where it stopped.

One head of attention must read a table. A text has 16 rows, each a key symbol with a value symbol;
the query names one of the keys, and the answer is the value beside it. Only the factor on the
scores differs between the networks: 1/√d_k, none, or 1/d_k. In a fourth network there is none
either, but the query and key matrices start smaller, so that its first scores are those of the
first network. Learning rates are chosen on other seeds and other tables than the test's. The
network without a factor at the larger d_k is trained four times as long, too.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm

SYMBOLS, ROWS, D_MODEL, BATCH = 32, 16, 64, 64
LADDER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FIRST = (1e-3, 3e-3, 1e-2)
STEPS, LONGER, LOOKS, HELD_OUT = 400, 1_600, 20, 2_000
TUNING_SEEDS, TEST_SEEDS = (100, 101, 102), (0, 1, 2, 3, 4)
SCALES = {
    "1/√d_k": lambda d_k: d_k**-0.5,
    "none": lambda d_k: 1.0,
    "1/d_k": lambda d_k: 1 / d_k,
    "none, smaller start": lambda d_k: 1.0,
}


class Reader(nn.Module):
    """One head of attention, its embeddings and its head; all start with unit variance."""

    def __init__(self, d_k: int, scale: str) -> None:
        super().__init__()
        self.scale = SCALES[scale](d_k)
        start = d_k**-0.25 if scale == "none, smaller start" else 1.0
        self.keys = nn.Parameter(torch.randn(SYMBOLS, D_MODEL))
        self.values = nn.Parameter(torch.randn(SYMBOLS, D_MODEL))
        self.asked = nn.Parameter(torch.randn(SYMBOLS, D_MODEL))
        root = D_MODEL**0.5
        self.w_q = nn.Parameter(start * torch.randn(D_MODEL, d_k) / root)
        self.w_k = nn.Parameter(start * torch.randn(D_MODEL, d_k) / root)
        self.w_v = nn.Parameter(torch.randn(D_MODEL, D_MODEL) / root)
        self.head = nn.Parameter(torch.randn(D_MODEL, SYMBOLS) / root)

    def scores(self, keys: Tensor, values: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, (batch, rows), and the vectors of the rows, (batch, rows, d_model)."""
        x = (self.keys[keys] + self.values[values]) / math.sqrt(2)
        q = self.asked[asked] @ self.w_q  # (batch, d_k)
        return self.scale * ((x @ self.w_k) @ q[:, :, None])[..., 0], x

    def forward(self, keys: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        """Logits of the answer, (batch, symbols)."""
        scores, x = self.scores(keys, values, asked)
        mixed = (scores.softmax(dim=-1)[:, None] @ (x @ self.w_v))[:, 0]
        return mixed @ self.head


def tables(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keys, different within a table, and values, (n, rows); the key asked for and its value."""
    keys = torch.rand(n, SYMBOLS, generator=draw).argsort(dim=1)[:, :ROWS]
    values = torch.randint(SYMBOLS, (n, ROWS), generator=draw)
    place = torch.randint(ROWS, (n, 1), generator=draw)
    return keys, values, keys.gather(1, place)[:, 0], values.gather(1, place)[:, 0]


def train(
    d_k: int, scale: str, steps: int, rate: float, seed: int, held_out: int
) -> dict[str, object]:
    """Train one network; its loss on tables it has not seen, at regular steps and at the end."""
    torch.manual_seed(seed)
    network, draw = Reader(d_k, scale), torch.Generator().manual_seed(1_000 + seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    *held, answers = tables(HELD_OUT, torch.Generator().manual_seed(held_out))
    curve, first = [], 0.0
    for step in range(steps + 1):
        if step % (steps // LOOKS) == 0:
            with torch.no_grad():
                curve.append(F.cross_entropy(network(*held), answers).item())
                if not step:
                    first = network.scores(*held)[0].std().item()
        *given, wanted = tables(BATCH, draw)
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / (steps + 1))
        optimizer.zero_grad()
        F.cross_entropy(network(*given), wanted).backward()
        optimizer.step()
    with torch.no_grad():
        right = (network(*held).argmax(-1) == answers).float().mean().item()
        last = network.scores(*held)[0].std().item()
    return {
        "loss": curve[-1],
        "right": right,
        "curve": curve,
        "deviation at first": first,
        "deviation at last": last,
    }


def main() -> None:
    """All rows: for each width and factor the trials of rates, then the test."""
    study = lm.studies.Study("04_math/attention_by_hand")
    cases = [(d_k, scale, STEPS) for d_k in (8, 128) for scale in SCALES]
    for d_k, scale, steps in [*cases, (128, "none", LONGER)]:
        case = {"d_k": d_k, "scale": scale, "steps": steps}

        def trial(rate: float, case: dict[str, object] = case) -> float:
            rows = [
                study.row(train, **case, rate=rate, seed=seed, held_out=7)
                for seed in TUNING_SEEDS
            ]
            return sum(row["loss"] for row in rows)

        rate = lm.studies.best_inside(LADDER, FIRST, trial)
        for seed in TEST_SEEDS:
            study.row(train, **case, rate=rate, seed=seed, held_out=8)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
