"""Second study of "Interpretability": which word of a sentence a network's rating hangs on.

    make study NAME=07_challenges/interpretability_words

One thread, three minutes. The network is MiniLM as the chapter "Sentiment" has taught and kept
it: it says how people would rate a sentence. Each explanation names a word of a test sentence; the
word is deleted, or replaced by a word of another sentence, and the rating is taken again. All words
are tried, so that it is known which matters most. Then attention weights themselves are permuted.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.data.ratings import KINDS, rated_sentences
from largemodels.objectives import attribution
from largemodels.pretrained.bert import SentenceEncoder

N, SHORTEST, LONGEST, STEPS = (
    25,
    6,
    25,
    8,
)  # sentences of a kind; words; points of the integral
MASK = 103  # the token [MASK] of MiniLM's vocabulary
METHODS = (
    "attention, last layer", "attention, all layers", "gradient × input",
    "integrated gradients", "leave one out", "lexicon", "longest word", "random word",
)  # fmt: skip


@cache
def reader() -> tuple[SentenceEncoder, Tensor, float]:
    """MiniLM with what it has learnt, and the layer that says the mean rating."""
    encoder = lm.load_minilm()
    kept = lm.studies.weights("06_applications/sentiment_kept", "reader").state
    weights = encoder.model.state_dict()  # the tensors themselves
    for name, it in kept.items():
        if name.endswith(".left"):
            name = name.removesuffix(".left")
            weights[name] += it.float() @ kept[f"{name}.right"].float()
        elif name in weights:
            weights[name] += it.float()
    encoder.model.requires_grad_(False)
    return encoder.eval(), kept["head.weight"][0].float(), kept["head.bias"][0].item()


def rating(tokens: Tensor, mask: Tensor) -> Tensor:
    """Expected mean ratings of sentences, ``(n,)``."""
    encoder, weight, bias = reader()
    hidden, real = encoder.model(tokens, mask), mask[..., None]
    mean = F.normalize((hidden * real).sum(1) / real.sum(1), dim=1)
    return mean @ weight * len(weight) ** 0.5 + bias


@torch.no_grad()
def rate(texts: list[str]) -> Tensor:
    """The same from texts."""
    return rating(*reader()[0].batch(texts))


def sentences(kind: str) -> list[str]:
    """Test sentences of a kind, of middle length, in random order."""
    table = rated_sentences()
    its = table[(table.kind == kind) & (table.part == "test")].sample(
        frac=1, random_state=0
    )
    texts = [" ".join(it.split()) for it in its.text]
    return [it for it in texts if SHORTEST <= len(it.split()) <= LONGEST][:N]


def places(text: str) -> tuple[Tensor, Tensor]:
    """Tokens of a sentence, ``(1, time)``, and to which word each belongs: -1 for none."""
    found = reader()[0].tokenizer.encode(text)
    ends = np.cumsum([len(it) + 1 for it in text.split()])
    words = [
        int(np.searchsorted(ends, start, side="right")) if end > start else -1
        for start, end in found.offsets
    ]
    keep = [it for it, real in enumerate(found.attention_mask) if real]
    return torch.tensor(found.ids)[None, keep], torch.tensor(words)[keep]


def summed(values: Tensor, word: Tensor, n: int) -> Tensor:
    """What the tokens of each word have together."""
    return torch.zeros(n).index_add(0, word[word >= 0], values[word >= 0])


def by_attention(tokens: Tensor, word: Tensor, n: int) -> dict[str, Tensor]:
    """How much attention a word gets: in the last block, and through all (Abnar and Zuidema)."""
    model, seen = reader()[0].model, []
    for block in model.blocks:
        with torch.no_grad(), attribution.attention_changed(block.attention) as weights:
            model(tokens)
        seen.append(weights[0][0].mean(0))  # over heads: (queries, keys)
    rolled = torch.eye(len(word))
    for it in seen:
        rolled = (0.5 * it + 0.5 * torch.eye(len(word))) @ rolled
    return {
        "attention, last layer": summed(seen[-1].mean(0), word, n),
        "attention, all layers": summed(rolled.mean(0), word, n),
    }


def by_gradient(tokens: Tensor, word: Tensor, n: int) -> dict[str, Tensor]:
    """Gradients by the word pieces' vectors; the integral begins with [MASK] for each piece."""
    table, mask = (
        reader()[0].model.token_embedding,
        torch.ones_like(tokens, dtype=torch.bool),
    )
    vectors = table(tokens)
    blank = table(torch.where(word >= 0, MASK, tokens))

    def said(x: Tensor) -> Tensor:
        handle = table.register_forward_hook(lambda module, given, out: x)
        try:
            return rating(tokens, mask)[:, None]
        finally:
            handle.remove()

    target = torch.zeros(1, dtype=torch.long)
    slope = attribution.gradient(said, vectors, target) * vectors
    path = attribution.integrated_gradients(
        said, vectors, target, baseline=blank, steps=STEPS
    )
    return {
        "gradient × input": summed(slope[0].sum(1), word, n).abs(),
        "integrated gradients": summed(path[0].sum(1), word, n).abs(),
    }


@torch.no_grad()
def left_out(tokens: Tensor, word: Tensor, n: int) -> Tensor:
    """By how much the rating moves when [MASK] stands for a word."""
    rows = torch.where(word == torch.arange(n)[:, None], MASK, tokens)
    every = torch.cat([tokens, rows])
    said = rating(every, torch.ones_like(every, dtype=torch.bool))
    return (said[1:] - said[0]).abs()


def explained(text: str, seed: int = 0) -> dict[str, Tensor]:
    """How much each word counts, by each method."""
    words, lexicon = text.split(), lm.vader()
    tokens, word = places(text)
    n, draw = len(words), torch.Generator().manual_seed(seed)
    chance = torch.rand(n, generator=draw)
    return {
        **by_attention(tokens, word, n), **by_gradient(tokens, word, n),
        "leave one out": left_out(tokens, word, n),
        "lexicon": torch.tensor([abs(lexicon.total(it)) for it in words]) + 1e-3 * chance,
        "longest word": torch.tensor([float(len(it)) for it in words]) + 1e-3 * chance,
        "random word": chance,
    }  # fmt: skip


def moved(text: str, others: list[str]) -> dict[str, Tensor]:
    """By how much the rating moves when each word is deleted, or replaced."""
    words = text.split()
    rows = {
        "deleted": [" ".join(words[:it] + words[it + 1 :]) for it in range(len(words))],
        "replaced": [
            " ".join([*words[:it], other, *words[it + 1 :]])
            for it, other in enumerate(others)
        ],
    }
    said = rate([text, *rows["deleted"], *rows["replaced"]])
    one, two = (said[1:] - said[0]).abs().split(len(words))
    return {"deleted": one, "replaced": two}


def permuted(text: str, seed: int) -> dict[str, float]:
    """By how much the rating moves when each query's attention weights are permuted."""
    tokens, _ = places(text)
    model, mask = reader()[0].model, torch.ones_like(tokens, dtype=torch.bool)
    draw = torch.Generator().manual_seed(seed)

    def mixed(weights: Tensor) -> Tensor:
        return weights.gather(-1, torch.rand(weights.shape, generator=draw).argsort(dim=-1))

    found = {}
    with torch.no_grad():
        before = rating(tokens, mask)
        for name, its in {"first": [0], "last": [5], "all": range(6)}.items():
            with ExitStack() as open_:
                for block in its:
                    layer = model.blocks[block].attention
                    open_.enter_context(attribution.attention_changed(layer, mixed))
                found[f"permuted: {name}"] = (rating(tokens, mask) - before).abs().item()
    return found


def run(kind: str) -> dict[str, Any]:
    """One row: the sentences of a kind, one number each."""
    texts = sentences(kind)
    pool = [word for other in KINDS for text in sentences(other) for word in text.split()]
    rng, rows = np.random.default_rng(0), []
    for seed, text in enumerate(texts):
        scores, moves = (
            explained(text, seed),
            moved(text, list(rng.choice(pool, len(text.split())))),
        )
        row = {"rating": rate([text]).item()} | permuted(text, seed)
        for test, it in moves.items():
            row |= {
                f"{test}: {name}": it[score.argmax()].item()
                for name, score in scores.items()
            }
            row[f"{test}: best word"] = it.max().item()
        rows.append(row)
    return {
        name: [round(it, 5) for it in column] for name, column in pd.DataFrame(rows).items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_words")
    for kind in KINDS:
        study.row(run, kind=kind)
    study.save()
