"""Study of the chapter "The Transformer": a minute of training, and rivals without a network.

    make study NAME=03_algorithms/transformer

One thread, about 8 minutes. An interrupted study goes on where it stopped.

A Transformer learns to translate the messages of a program from English to French in a fixed number
of steps. Its learning rate is chosen on the validation part with a seed that is not reported. The
rivals without a network are counted from the same pairs. What the parts of the Transformer are
worth, and what an LSTM with attention does in about as many seconds, is in studies beside this one.
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
from largemodels.models.seq2seq import Conditioned

VOCAB, PAD, START, END = 2_000, 0, 1, 2  # byte pairs are numbered from 3
STEPS, TOKENS = 400, 1_000  # of a minute's run; tokens of a batch
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
    """

    def __init__(self, language: str) -> None:
        self.parts = lm.translations(language)
        train = self.parts["train"]
        self.tokenizer = lm.ByteBPE.train([*train.source, *train.target], VOCAB - 3)
        self.pairs = [
            (self.encode(source), torch.cat([torch.tensor([START]), self.encode(target)]))
            for source, target in zip(train.source, train.target, strict=True)
        ]

    def encode(self, text: str) -> Tensor:
        """Tokens and the end."""
        return torch.cat([self.tokenizer.encode(text) + 3, torch.tensor([END])])

    def decode(self, tokens: list[int]) -> str:
        """The text before the end."""
        found = tokens[: tokens.index(END)] if END in tokens else tokens
        return self.tokenizer.decode([it - 3 for it in found if it >= 3])


@functools.cache
def data(language: str) -> Data:
    """Made once."""
    return Data(language)


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


@torch.no_grad()
def translate(model: nn.Module, some: Data, texts: list[str], n_beam: int = 1) -> list[str]:
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
            said = lm.beam_search(bound, start, n_new, n_beam, end_token=END)
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
    rate: float, seed: int, change: str = "base", language: str = "fr"
) -> dict[str, Any]:
    """Train one Transformer; BLEU and chrF on test texts, on validation texts for tuning."""
    some = data(language)
    torch.manual_seed(seed)
    choices = dict(norm_first=True, dropout=0.0) | SIZES | CHANGES[change]
    model = lm.Transformer(lm.TransformerConfig(VOCAB, **choices))  # type: ignore[arg-type]
    snapshots = Snapshots(model)
    began = time.process_time()
    lm.train(model, batches(some.pairs, TOKENS, seed), recipe(STEPS, rate), snapshots)
    row: dict[str, Any] = {
        "core_seconds": time.process_time() - began,
        "n_parameters": model.n_parameters(),
    }
    part = some.parts["validation" if seed == TUNING_SEED else "test"]
    row |= scores(translate(model, some, part.source), part.target)
    if change == "base" and language == "fr" and seed != TUNING_SEED:
        row |= scores(translate(model, some, part.source, 4), part.target, " beam")
        model.load_state_dict(snapshots.mean())
        row |= scores(translate(model, some, part.source), part.target, " averaged")
    return row


def count(rival: str, language: str) -> dict[str, Any]:
    """A rival without a network."""
    makers: dict[str, Any] = {
        "phrases": lm.Phrases,
        "memory": lm.TranslationMemory,
        "word by word": lm.WordByWord,
    }
    parts = lm.translations(language)
    began = time.process_time()
    model = makers[rival](parts["train"].source, parts["train"].target)
    row = {"core_seconds": time.process_time() - began}
    part = parts["test"]
    return row | scores([model.translate(text) for text in part.source], part.target)


def score(study: lm.studies.Study, rate: float) -> float:
    """BLEU of a trial on validation texts, negative."""
    return -float(study.row(run, rate=rate, seed=TUNING_SEED)["bleu"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer")
    for language in ("fr", "pt"):
        for rival in ("phrases", "memory", "word by word"):
            study.row(count, rival=rival, language=language)
    rate = lm.studies.best_inside(RATES, [0.02], functools.partial(score, study))
    for seed in SEEDS:
        study.row(run, rate=rate, seed=seed)
    study.save()
