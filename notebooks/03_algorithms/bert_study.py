"""Study of the chapter "BERT": what a small BERT learns from gaps, with word order and without.

    make study NAME=03_algorithms/bert

One thread, about 13 minutes. A BERT of 4 blocks x 128 fills gaps in articles of Wikipedia. Its
positions are a learned table, as published; rotary; or none at all. With table and with rotary
positions three rates of Muon or more are tried, extended until the best lies inside, on a seed that
is not reported. Gaps of validation articles are always masks, so that nothing can be copied; the
same gaps are also filled with all other words of the window in random order. The rival counts
neighbours.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.topics import topic_articles
from largemodels.objectives.masked import mask_words
from largemodels.text.word_pieces import END, MASK, SPECIAL, START, WordPieces

VOCABULARY, TIME, BATCH_SIZE, STEPS = 4_000, 64, 16, 250
SEEDS, TUNING_SEED = range(3), 3
MATRIX_RATES = [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16]  # of Muon
RATES = [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]  # of AdamW
STRENGTHS = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0]


@functools.cache
def word_pieces() -> WordPieces:
    """Learnt from the training articles."""
    articles = topic_articles()
    return WordPieces.train(articles.text[articles.part == "train"], VOCABULARY)


@functools.cache
def windows(part: str) -> Tensor:
    """The articles of a part, one after the other, cut into windows ``(n, 64)``."""
    articles = topic_articles()
    texts = articles.text[articles.part == part]
    ends = torch.tensor([START]), torch.tensor([END])
    tokens = [torch.cat([ends[0], word_pieces().encode(it), ends[1]]) for it in texts]
    packed = torch.cat(tokens)
    return packed[: len(packed) // TIME * TIME].view(-1, TIME)


def hide(
    tokens: Tensor, generator: torch.Generator, **shares: float
) -> tuple[Tensor, Tensor]:
    """Tokens with gaps, and what belongs there."""
    special = range(len(SPECIAL))
    settings: dict[str, Any] = dict(mask_token=MASK, vocab_size=VOCABULARY, special=special)
    return mask_words(tokens, **settings, generator=generator, **shares)


@functools.cache
def gaps(part: str = "validation") -> tuple[Tensor, Tensor]:
    """Of all tokens 15 %, each of them a mask: nothing at a gap says what was there."""
    generator = torch.Generator().manual_seed(5)
    return hide(windows(part), generator, rate=0.15, masked=1.0, random=0.0)


def disordered(read: Tensor, targets: Tensor) -> Tensor:
    """The same gaps, and all other tokens of each window in random order."""
    generator, mixed = torch.Generator().manual_seed(6), read.clone()
    for row, its in zip(mixed, targets, strict=True):
        seen = (its == -100).nonzero()[:, 0]
        row[seen] = row[seen[torch.randperm(len(seen), generator=generator)]]
    return mixed


@torch.no_grad()
def filled(model: lm.BERT, read: Tensor, targets: Tensor) -> tuple[float, float]:
    """Gaps filled rightly in per cent, and the mean loss in nats."""
    model.eval()
    right = loss = 0.0
    for tokens, its in zip(read.split(128), targets.split(128), strict=True):
        wanted = its[its != -100]
        logits = model.word_logits(model(tokens)[its != -100])
        right += (logits.argmax(1) == wanted).sum().item()
        loss += F.cross_entropy(logits, wanted, reduction="sum").item()
    n = (targets != -100).sum().item()
    return 100 * right / n, loss / n


def measured(model: lm.BERT) -> dict[str, float]:
    """Gaps of validation articles: as they are, and among words in random order."""
    read, targets = gaps()
    right, loss = filled(model, read, targets)
    mixed_right, mixed_loss = filled(model, disordered(read, targets), targets)
    return {
        "right": right,
        "loss": loss,
        "disordered_right": mixed_right,
        "disordered_loss": mixed_loss,
    }


def network(positions: str) -> lm.BERT:
    """A BERT with a table of positions, rotary positions, or none."""
    kind = "rotary" if positions == "rotary" else "learned"
    config = lm.BERTConfig(
        vocab_size=VOCABULARY, context_length=TIME, n_segment=0, n_layer=4, n_head=4,
        d_model=128, dropout=0.0, position=kind, pooler=False, n_classes=0,
    )  # fmt: skip
    model = lm.BERT(config)
    if positions == "none":
        model.position_embedding.weight.requires_grad_(False).zero_()
    return model


def masked_batches(
    texts: Tensor, seed: int, mask_rate: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of windows, masked anew each time they are drawn: 80, 10 and 10 %."""
    generator = torch.Generator().manual_seed(100 + seed)
    for (tokens,) in shuffled(texts, batch_size=BATCH_SIZE, seed=seed):
        yield hide(tokens, generator, rate=mask_rate)


def recipe(
    optimizer: str, rate: float, steps: int, every: int | None = None
) -> lm.TrainingConfig:
    """With Muon, ``rate`` is that of matrices; all else then learns at a fifth of it."""
    rates: dict[str, Any] = {"learning_rate": rate}
    if optimizer == "muon":
        rates = {"learning_rate": rate / 5, "matrix_learning_rate": rate}
    return lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 20, weight_decay=0.0, optimizer=optimizer,
        evaluate_every=every or steps, **rates,
    )  # fmt: skip


def run(
    positions: str, optimizer: str, rate: float, seed: int, steps: int = STEPS
) -> dict[str, Any]:
    """Pretrain one network and fill gaps."""
    torch.manual_seed(seed)
    model = network(positions)
    batches = masked_batches(windows("train"), seed, 0.3)
    began = time.process_time()
    lm.train(model, batches, recipe(optimizer, rate, steps))
    return {"core_seconds": time.process_time() - began} | measured(model)


class Neighbours:
    """Counts of words, of pairs and of both neighbours: the rival of the networks."""

    def __init__(self, texts: Tensor) -> None:
        n = VOCABULARY
        self.words = torch.bincount(texts.flatten(), minlength=n) + 0.01
        left, right = texts[:, :-1].flatten(), texts[:, 1:].flatten()
        self.pairs = torch.bincount(left * n + right, minlength=n * n).view(n, n)
        both = texts[:, :-2] * n + texts[:, 2:]  # the neighbours of each word between
        self.keys, order = both.flatten().sort()
        self.between = texts[:, 1:-1].flatten()[order]

    def logs(self, left: Tensor, right: Tensor, pair: float, triple: float) -> Tensor:
        """Log probabilities ``(gaps, words)``; a neighbour of -1 is unknown."""
        word = self.words / self.words.sum()
        after = self.pairs[left.clamp(min=0)] * (left >= 0)[:, None]
        before = self.pairs.T[right.clamp(min=0)] * (right >= 0)[:, None]
        after = (after + pair * word) / (after.sum(1, keepdim=True) + pair)
        before = (before + pair * word) / (before.sum(1, keepdim=True) + pair)
        found = F.normalize(after * before / word, p=1, dim=1)
        key = left * VOCABULARY + right
        key[(left < 0) | (right < 0)] = -1
        first = torch.searchsorted(self.keys, key)
        last = torch.searchsorted(self.keys, key, right=True)
        for row, (i, j) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
            seen = torch.bincount(self.between[i:j], minlength=VOCABULARY)
            found[row] = (seen + triple * found[row]) / (j - i + triple)
        return found.log()

    def filled(
        self, read: Tensor, targets: Tensor, pair: float, triple: float
    ) -> tuple[float, float]:
        """Gaps filled rightly in per cent, and the mean loss in nats."""
        edge = F.pad(read, (1, 1), value=-1)
        edge[edge == MASK] = -1
        wanted = targets != -100
        right = loss = 0.0
        both = zip(
            edge[:, :-2][wanted].split(500),
            edge[:, 2:][wanted].split(500),
            targets[wanted].split(500),
            strict=True,
        )
        for before, after, its in both:
            logs = self.logs(before, after, pair, triple)
            right += (logs.argmax(1) == its).sum().item()
            loss += F.nll_loss(logs, its, reduction="sum").item()
        n = wanted.sum().item()
        return 100 * right / n, loss / n


def count(kind: str) -> dict[str, Any]:
    """The most frequent word, or neighbours counted; strengths chosen on training windows."""
    read, targets = gaps()
    if kind == "most frequent":
        words = torch.bincount(windows("train").flatten(), minlength=VOCABULARY).double()
        words[: len(SPECIAL)] = 0
        wanted = targets[targets != -100]
        logs = ((words + 0.01) / (words + 0.01).sum()).log()
        right = (wanted == words.argmax()).float().mean().item()
        return {"right": 100 * right, "loss": -logs[wanted].mean().item()}
    texts = windows("train")
    held = hide(texts[-600:], torch.Generator().manual_seed(7), masked=1.0, random=0.0)
    counts, triple = Neighbours(texts[:-600]), 30.0
    for _ in range(2):
        losses = {it: counts.filled(*held, it, triple)[1] for it in STRENGTHS}
        pair = min(losses, key=losses.__getitem__)
        losses = {it: counts.filled(*held, pair, it)[1] for it in STRENGTHS}
        triple = min(losses, key=losses.__getitem__)
    right, loss = Neighbours(texts).filled(read, targets, pair, triple)
    return {"right": right, "loss": loss, "pair": pair, "triple": triple}


def best(positions: str, optimizer: str, ladder: list[float], first: float) -> float:
    """The rate of the lowest loss on validation gaps, with the tuning seed."""

    def score(rate: float) -> float:
        key = dict(positions=positions, optimizer=optimizer, rate=rate, seed=TUNING_SEED)
        loss: float = study.row(run, **key)["loss"]
        return loss

    return lm.studies.best_inside(ladder, [first], score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert")
    for kind in ("most frequent", "neighbours"):
        study.row(count, kind=kind)
    rates = {it: best(it, "muon", MATRIX_RATES, 0.02) for it in ("rotary", "table")}
    for positions, rate in (rates | {"none": rates["table"]}).items():
        for seed in SEEDS:
            study.row(run, positions=positions, optimizer="muon", rate=rate, seed=seed)
    study.save()
