"""First study of the chapter "Sentiment": MiniLM, all of whose blocks learn from rated sentences.

    make study NAME=06_applications/sentiment_tuned

One thread, about 25 minutes. MiniLM learns the mean of people's ratings and their spread from 800
sentences of one kind, or from 200 of each of four, and is asked about 500 test sentences of each
kind. Its learning rate is chosen on validation sentences of all kinds, with a seed that is not
reported, by a ladder that is extended until the best lies inside; the number of passes is fixed.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.ratings import KINDS, rated_sentences

N_TRAIN, N_TEST, N_VALIDATION = 800, 500, 150  # sentences of each kind
PASSES, BATCH_SIZE, LONGEST = (
    2,
    16,
    64,
)  # LONGEST in word pieces; two sentences in 1,000 are longer
SEEDS, TUNING_SEED = range(3), 3
RATES = [3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]


@functools.cache
def sentences() -> pd.DataFrame:
    """All of them, with the spread of their ratings, in an order that is random and fixed."""
    table = rated_sentences()
    table["spread"] = [
        torch.tensor(it, dtype=torch.float).std().item() for it in table.ratings
    ]
    return table.sample(frac=1, random_state=0)


def some(part: str, n: int, kinds: Any = KINDS) -> pd.DataFrame:
    """The first ``n`` sentences of each kind in a part."""
    table = sentences()
    its = table[table.part == part]
    return pd.concat([its[its.kind == kind][:n] for kind in kinds])


def taught(source: str, n: int = N_TRAIN) -> pd.DataFrame:
    """Sentences to learn from: of one kind, or as many in all of the four kinds, "mixture"."""
    if source == "mixture":
        return some("train", n // len(KINDS))
    return some("train", n, [source])


class Reader(nn.Module):
    """A sentence encoder that says how people would rate a sentence: mean and spread."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = lm.load_minilm()
        self.encoder.tokenizer.enable_truncation(LONGEST)
        self.bert = self.encoder.model
        self.head = nn.Linear(self.bert.config.d_model, 2)
        for module in self.bert.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        for name, weight in self.bert.named_parameters():
            weight.requires_grad_(
                "embedding" not in name
            )  # half of all, and they hardly move

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``(n, 2)`` from ``(n, time)``: mean hidden states of unit size, through one layer."""
        hidden, real = self.bert(tokens, mask), mask.unsqueeze(-1)
        mean = F.normalize((hidden * real).sum(1) / real.sum(1), dim=1)
        answer: Tensor = self.head(mean * mean.shape[1] ** 0.5)
        return answer.float()

    @torch.no_grad()
    def rate(self, texts: list[str]) -> Tensor:
        """Means and spreads for any number of texts, ``(n, 2)``."""
        answers = torch.empty(len(texts), 2)
        order = sorted(range(len(texts)), key=lambda it: len(texts[it]))
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            with torch.autocast("cpu", torch.bfloat16):
                answers[rows] = self(*self.encoder.batch([texts[it] for it in rows]))
        return answers


def batches(encoder: Any, table: pd.DataFrame, seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Batches of sentences of similar length, endlessly; they are mixed anew in each pass."""
    texts = list(table.text)
    targets = torch.tensor(table[["mean", "spread"]].to_numpy(), dtype=torch.float)
    chance, piece = random.Random(seed), 10 * BATCH_SIZE
    while True:
        order = chance.sample(range(len(texts)), len(texts))
        pieces = [order[start : start + piece] for start in range(0, len(order), piece)]
        rows = [row for it in pieces for row in sorted(it, key=lambda row: len(texts[row]))]
        cut = [
            rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE)
        ]
        for its in chance.sample(cut, len(cut)):
            yield *encoder.batch([texts[row] for row in its]), targets[its]


def tuned(source: str, rate: float, seed: int) -> Reader:
    """MiniLM after its lessons."""
    torch.manual_seed(seed)
    reader, table = Reader(), taught(source)
    steps = PASSES * len(table) // BATCH_SIZE
    recipe = lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 10, learning_rate=rate, weight_decay=0.01,
        evaluate_every=steps, final_fraction=0.02, precision="bf16",
    )  # fmt: skip

    def loss(model: nn.Module, tokens: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(model(tokens, mask), targets)

    lm.train(reader, batches(reader.encoder, table, seed), recipe, loss=loss)
    return reader.eval()


def scores(answers: Tensor, table: pd.DataFrame) -> dict[str, float]:
    """Correlations with people's mean ratings and with their spreads, kind by kind."""
    found = {}
    for name, column in (("mean", 0), ("spread", 1)):
        asked = torch.tensor(table[name].to_numpy(), dtype=torch.float)
        for kind in KINDS:
            its = torch.tensor((table.kind == kind).to_numpy())
            pair = torch.stack([answers[its, column], asked[its]])
            found[f"{name}_{kind}"] = torch.corrcoef(pair)[0, 1].item()
    return found


def run(source: str, rate: float, seed: int) -> dict[str, Any]:
    """Learn from one kind of sentences; be asked about all kinds, in thousandths of a point."""
    part, n = ("validation", N_VALIDATION) if seed == TUNING_SEED else ("test", N_TEST)
    asked = some(part, n)
    reader = tuned(source, rate, seed)
    answers = reader.rate(list(asked.text))
    row: dict[str, Any] = scores(answers, asked)
    if seed != TUNING_SEED:
        thousandths = (1_000 * answers).round().to(torch.int16)
        study.keep(f"{source}-{seed}", {"thousandths": thousandths}, config={})
    return row


def chosen_rate() -> float:
    """The learning rate that does best on validation sentences of all kinds."""

    def score(rate: float) -> float:
        row = study.row(run, source="mixture", rate=rate, seed=TUNING_SEED)
        return -sum(row[f"mean_{kind}"] for kind in KINDS)

    return lm.studies.best_inside(RATES, [1e-4], score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/sentiment_tuned")
    best = chosen_rate()
    for seed in SEEDS:
        for source in ("mixture", *KINDS):
            study.row(run, source=source, rate=best, seed=seed)
    study.save()
