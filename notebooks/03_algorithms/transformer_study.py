"""Study of the chapter "The Transformer": a minute of training, and what each part is worth.

    make study NAME=03_algorithms/transformer

One thread, about 20 minutes. An interrupted study goes on where it stopped.

A Transformer learns to translate the messages of a program from English to French in a fixed number
of steps; so does an LSTM with attention, in as many seconds. Learning rates are chosen on the
validation part with a seed that is not reported, on the same ladder for both. Then single parts are
taken away, at the Transformer's rate. The rivals without a network are counted from the same pairs.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.models.seq2seq import Conditioned

VOCAB, PAD, START, END = 2_000, 0, 1, 2  # byte pairs are numbered from 3
STEPS, TOKENS = 400, 1_000  # of a minute's run; tokens of a batch
LSTM_STEPS = 310  # in as many seconds
SIZES = dict(n_layer=2, n_head=4, d_model=128, d_hidden=512, context_length=256)
RATES = [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08]  # of Muon; AdamW's is 0.15 of it
SEEDS, TUNING_SEED = (0, 1, 2), 101
CHANGES: dict[str, dict[str, Any]] = {
    "base": {},
    "no positions": dict(position="none"),
    "one head": dict(n_head=1),
    "no smoothing": dict(label_smoothing=0.0),
}


class Data:
    """Pairs of a language as tokens, and the tokenizer, which is learnt from the training pairs.

    Args:
        language: "fr" or "pt".
        n: number of training pairs; None: all.
    """

    def __init__(self, language: str, n: int | None = None) -> None:
        self.parts = lm.translations(language)
        train = self.parts["train"]
        rows = np.random.default_rng(0).permutation(len(train.source))[:n]
        self.source = [train.source[row] for row in sorted(rows)]
        self.target = [train.target[row] for row in sorted(rows)]
        self.tokenizer = lm.ByteBPE.train([*self.source, *self.target], VOCAB - 3)
        self.pairs = [
            (self.encode(source), torch.cat([torch.tensor([START]), self.encode(target)]))
            for source, target in zip(self.source, self.target, strict=True)
        ]

    def encode(self, text: str) -> Tensor:
        """Tokens and the end."""
        return torch.cat([self.tokenizer.encode(text) + 3, torch.tensor([END])])

    def decode(self, tokens: list[int]) -> str:
        """The text before the end."""
        found = tokens[: tokens.index(END)] if END in tokens else tokens
        return self.tokenizer.decode([it - 3 for it in found if it >= 3])


@functools.cache
def data(language: str, n: int | None = None) -> Data:
    """Made once."""
    return Data(language, n)


def padded(rows: list[Tensor]) -> Tensor:
    """Sequences as one tensor, filled on the right."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def batches(pairs: list[tuple[Tensor, Tensor]], tokens: int, seed: int) -> Iterator[Any]:
    """Endless batches of pairs of similar lengths, of at most so many tokens with their padding."""
    draw = np.random.default_rng(seed)
    lengths = np.array([len(source) + len(target) for source, target in pairs])
    while True:
        order = np.argsort(lengths + draw.uniform(0, 4, len(pairs)))
        groups: list[list[int]] = [[]]
        for row in order.tolist():
            longest = max((lengths[it] for it in groups[-1]), default=0)
            if max(longest, lengths[row]) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(row)
        for number in draw.permutation(len(groups)).tolist():
            some = [pairs[row] for row in groups[number]]
            source, target = (padded([pair[side] for pair in some]) for side in (0, 1))
            yield source, target, source != PAD, target != PAD


def seq2seq_loss(model: nn.Module, source: Tensor, target: Tensor, *_: Tensor) -> Tensor:
    """The smoothed loss of the Transformer, for the LSTM."""
    logits = model(source, target[:, :-1])
    return F.cross_entropy(
        logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD, label_smoothing=0.1
    )


@torch.no_grad()
def translate(
    model: nn.Module, some: Data, texts: list[str], n_beam: int = 1, penalty: float = 1.0
) -> list[str]:
    """Translations, greedy or by beam search, a hundred texts of similar length at a time."""
    encoded = [some.encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
    found = [""] * len(texts)
    for at in range(0, len(order), 100):
        rows = order[at : at + 100]
        source = padded([encoded[row] for row in rows])
        start, n_new = torch.full((len(rows), 1), START), 2 * source.shape[1] + 10
        model.eval()
        if isinstance(model, lm.Transformer):
            bound: Any = model.decoder_for(source, source != PAD)
        else:
            assert isinstance(model, lm.Seq2Seq)
            bound = Conditioned(model, source)
        if n_beam == 1:
            said = lm.generate(bound, start, n_new, temperature=0, end_token=END)
        else:
            said = lm.beam_search(
                bound, start, n_new, n_beam, length_penalty=penalty, end_token=END
            )
        for row, tokens in zip(rows, said[:, 1:].tolist(), strict=True):
            found[row] = some.decode(tokens)
    return found


def scores(said: list[str], references: list[str], name: str = "") -> dict[str, float]:
    """BLEU and chrF of all texts together."""
    from sacrebleu.metrics import BLEU, CHRF

    return {
        f"bleu{name}": BLEU().corpus_score(said, [references]).score,
        f"chrf{name}": CHRF().corpus_score(said, [references]).score,
    }


class Snapshots:
    """Weights at the last five of twenty evaluations, for their mean."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.kept = model, list[dict[str, Tensor]]()

    def __call__(self) -> dict[str, float]:
        """Note the weights, as the evaluation of a run."""
        state = {name: it.clone() for name, it in self.model.state_dict().items()}
        self.kept = [*self.kept, state][-5:]
        return {}

    def mean(self) -> dict[str, Tensor]:
        """Of the five."""
        return {
            name: torch.stack([state[name] for state in self.kept]).mean(dim=0)
            for name in self.kept[0]
        }


def made(network: str, change: str, language: str) -> nn.Module:
    """A network with random weights."""
    if network == "LSTM":
        sizes = dict(d_model=128, d_hidden=160, d_attention=128)
        return lm.Seq2Seq(lm.Seq2SeqConfig(VOCAB, VOCAB, **sizes))  # type: ignore[arg-type]
    choices = dict(norm_first=True, dropout=0.0) | SIZES | CHANGES[change]
    return lm.Transformer(lm.TransformerConfig(VOCAB, **choices))


def recipe(steps: int, rate: float) -> lm.TrainingConfig:
    """Muon for the matrices; AdamW at 0.15 of its rate for embeddings, norms and biases."""
    return lm.TrainingConfig(
        steps=steps,
        warmup_steps=steps // 20,
        optimizer="muon",
        learning_rate=0.15 * rate,
        matrix_learning_rate=rate,
        final_fraction=0.05,
        evaluate_every=max(1, steps // 20),
    )


def run(
    network: str, rate: float, seed: int, change: str = "base",
    language: str = "fr", n: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train one network; BLEU and chrF on test texts, on validation texts for the tuning seed."""
    some = data(language, n)
    torch.manual_seed(seed)
    model = made(network, change, language)
    snapshots = Snapshots(model)
    loss: Callable[..., Tensor] | None = seq2seq_loss if network == "LSTM" else None
    steps = LSTM_STEPS if network == "LSTM" else STEPS
    began = time.process_time()
    lm.train(
        model, batches(some.pairs, TOKENS, seed), recipe(steps, rate),
        snapshots, loss=loss,
    )  # fmt: skip
    row: dict[str, Any] = {
        "core_seconds": time.process_time() - began,
        "n_parameters": sum(it.numel() for it in model.parameters()),
    }
    if seed == TUNING_SEED:
        part = some.parts["validation"]
        return row | scores(translate(model, some, part.source), part.target)
    part = some.parts["test"]
    row |= scores(translate(model, some, part.source), part.target)
    if change == "base" and n is None and language == "fr":
        row |= scores(translate(model, some, part.source, 4), part.target, " beam")
        model.load_state_dict(snapshots.mean())
        row |= scores(translate(model, some, part.source), part.target, " averaged")
    return row


def count(rival: str, language: str, n: int | None = None) -> dict[str, Any]:
    """A rival without a network."""
    makers: dict[str, Any] = {
        "phrases": lm.Phrases,
        "memory": lm.TranslationMemory,
        "word by word": lm.WordByWord,
    }
    some = data(language, n)
    began = time.process_time()
    model = makers[rival](some.source, some.target)
    row = {"core_seconds": time.process_time() - began}
    part = some.parts["test"]
    return row | scores([model.translate(text) for text in part.source], part.target)


def tune(study: lm.studies.Study, network: str) -> dict[str, Any]:
    """The best rate by BLEU on validation texts, beginning with 0.02."""

    def score(rate: float) -> float:
        row = study.row(run, network=network, rate=rate, seed=TUNING_SEED)
        return -float(row["bleu"])

    rate = lm.studies.best_inside(RATES, [0.02], score)
    return dict(network=network, rate=rate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer")
    for language in ("fr", "pt"):
        for rival in ("phrases", "memory", "word by word"):
            study.row(count, rival=rival, language=language)
    best = tune(study, "Transformer")
    for seed in SEEDS:
        study.row(run, seed=seed, **best)
    lstm = tune(study, "LSTM")
    for seed in SEEDS:
        study.row(run, seed=seed, **lstm)
    study.save()  # and after each change, in case it is stopped
    for change in CHANGES:
        if change != "base":
            for seed in SEEDS:
                study.row(run, change=change, seed=seed, **best)
            study.save()
    study.row(run, language="pt", seed=0, **best)
    study.save()
