"""Study of the chapter "Translation": the rivals, which learn from pairs like those of the test.

    make study NAME=06_applications/translation

One thread, about 8 minutes. An interrupted study goes on where it stopped.

A translation memory, counted phrases and a Transformer of our own learn from 17,081 pairs, English
and Brazilian Portuguese: messages of LibreOffice and sentences of a handbook. The Transformer
learns for a fixed number of steps, about a minute; its learning rate is chosen on the validation
parts with a seed that is not reported. Each is judged on 500 messages and on 500 sentences.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.brazilian import brazilian_messages, handbook_sentences

VOCAB, PAD, START, END = 2_000, 0, 1, 2  # byte pairs are numbered from 3
STEPS, TOKENS, N_TEST = 400, 1_000, 500  # a run; tokens of a batch; texts of a test
SIZES = dict(n_layer=2, n_head=4, d_model=128, d_hidden=512, context_length=256)
RATES = [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08]  # of Muon; AdamW's is 0.15 of it
SEEDS, TUNING_SEED = (0, 1, 2), 101


@functools.cache
def parts() -> dict[str, dict[str, Any]]:
    """Both data sets, each in its three parts."""
    return {"messages": brazilian_messages(), "handbook": handbook_sentences()}


def training() -> tuple[list[str], list[str]]:
    """All pairs for training."""
    some = [it["train"] for it in parts().values()]
    return [a for it in some for a in it.source], [b for it in some for b in it.target]


@functools.cache
def tokenizer() -> lm.ByteBPE:
    """Learnt from the training pairs."""
    sources, targets = training()
    return lm.ByteBPE.train([*sources, *targets], VOCAB - 3)


def encode(text: str) -> Tensor:
    """Tokens and the end."""
    return torch.cat([tokenizer().encode(text) + 3, torch.tensor([END])])


def decode(tokens: list[int]) -> str:
    """The text before the end."""
    found = tokens[: tokens.index(END)] if END in tokens else tokens
    return tokenizer().decode([it - 3 for it in found if it >= 3])


def padded(rows: list[Tensor]) -> Tensor:
    """Sequences as one tensor, filled on the right."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


@functools.cache
def pairs() -> list[tuple[Tensor, Tensor]]:
    """The training pairs as tokens."""
    start = torch.tensor([START])
    return [
        (encode(a), torch.cat([start, encode(b)])) for a, b in zip(*training(), strict=True)
    ]


def batches(tokens: int, seed: int) -> Iterator[Any]:
    """Endless batches of pairs of similar lengths, of at most so many tokens with their padding."""
    draw = np.random.default_rng(seed)
    lengths = np.array([len(source) + len(target) for source, target in pairs()])
    while True:
        order = np.argsort(lengths + draw.uniform(0, 4, len(lengths)))
        groups: list[list[int]] = [[]]
        for row in order.tolist():
            longest = max((lengths[it] for it in groups[-1]), default=0)
            if max(longest, lengths[row]) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(row)
        for number in draw.permutation(len(groups)).tolist():
            some = [pairs()[row] for row in groups[number]]
            source, target = (padded([pair[side] for pair in some]) for side in (0, 1))
            yield source, target, source != PAD, target != PAD


@torch.no_grad()
def translate(model: lm.Transformer, texts: list[str], n_beam: int = 1) -> list[str]:
    """Translations, greedy or by beam search, a hundred texts of similar length at a time."""
    encoded = [encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
    found = [""] * len(texts)
    model.eval()
    for at in range(0, len(order), 100):
        rows = order[at : at + 100]
        source = padded([encoded[row] for row in rows])
        start, n_new = torch.full((len(rows), 1), START), 2 * source.shape[1] + 10
        bound: Any = model.decoder_for(source, source != PAD)
        if n_beam == 1:
            said = lm.generate(bound, start, n_new, temperature=0, end_token=END)
        else:
            said = lm.beam_search(bound, start, n_new, n_beam, end_token=END)
        for row, tokens in zip(rows, said[:, 1:].tolist(), strict=True):
            found[row] = decode(tokens)
    return found


def scores(said: list[str], references: list[str], name: str) -> dict[str, float]:
    """BLEU and chrF of all texts together."""
    from sacrebleu.metrics import BLEU, CHRF

    return {
        f"bleu {name}": BLEU().corpus_score(said, [references]).score,
        f"chrf {name}": CHRF().corpus_score(said, [references]).score,
    }


def judged(say: Any, part: str = "test") -> dict[str, float]:
    """Scores of a function from texts to translations, on both data sets."""
    row: dict[str, float] = {}
    for name, some in parts().items():
        source, target = some[part].source[:N_TEST], some[part].target[:N_TEST]
        row |= scores(say(source), target, name)
    return row


def recipe(steps: int, rate: float) -> lm.TrainingConfig:
    """Muon for the matrices; AdamW at 0.15 of its rate for embeddings, norms and biases."""
    return lm.TrainingConfig(
        steps=steps,
        warmup_steps=steps // 20,
        optimizer="muon",
        learning_rate=0.15 * rate,
        matrix_learning_rate=rate,
        final_fraction=0.05,
        evaluate_every=steps,
    )


def train(rate: float, seed: int) -> dict[str, Any]:
    """Train one Transformer and judge it, on the validation parts for tuning."""
    pairs()
    torch.manual_seed(seed)
    choices: dict[str, Any] = dict(norm_first=True, dropout=0.0) | SIZES
    model = lm.Transformer(lm.TransformerConfig(VOCAB, **choices))
    began = time.process_time()
    lm.train(model, batches(TOKENS, seed), recipe(STEPS, rate), lambda: {})
    row: dict[str, Any] = {
        "core_seconds": time.process_time() - began,
        "n_parameters": model.n_parameters(),
    }
    tuning = seed == TUNING_SEED
    row |= judged(functools.partial(translate, model), "validation" if tuning else "test")
    if seed == SEEDS[0]:
        study.keep("ours", model)
    return row


def count(rival: str) -> dict[str, Any]:
    """A rival without a network."""
    makers: dict[str, Any] = {"memory": lm.TranslationMemory, "phrases": lm.Phrases}
    began = time.process_time()
    model = makers[rival](*training())
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    return row | judged(lambda texts: [model.translate(text) for text in texts])


def score(rate: float) -> float:
    """BLEU of a trial on validation texts, the mean of both data sets, negative."""
    row = study.row(train, rate=rate, seed=TUNING_SEED)
    return -float(row["bleu messages"] + row["bleu handbook"]) / 2


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/translation")
    for rival in ("memory", "phrases"):
        study.row(count, rival=rival)
    rate = lm.studies.best_inside(RATES, [0.02], score)
    for seed in SEEDS:
        study.row(train, rate=rate, seed=seed)
    study.save()
