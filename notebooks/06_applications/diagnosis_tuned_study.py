"""Second study of "Diagnosis": all weights of MiniLM learn from labelled reports.

    make study NAME=06_applications/diagnosis_tuned

One thread, twelve minutes. The six questions share one network: MiniLM and a linear layer on
its averaged hidden states, which begins as the logistic regressions of the first study. One rate
for all weights is chosen on the validation reports with a third of the steps, by a ladder that is
extended until the best lies inside. The network computes in bfloat16.

Then reports are changed by a rule: of 50 normal test reports the sentences that speak of a thing
are left out and one of four sentences is appended, which affirms, denies, hedges or calls it gone.
These texts are generated; nobody dictated them.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import diagnosis_study as first
import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.text.negation import affirmed

BATCH = 16
STEPS = {200: 75, 800: 300}  # by labelled reports
RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3]


ABOUT = {
    "effusion": "effusion|pleural",
    "cardiomegaly": "heart|cardi",
    "nodule": "nodul|mass",
}
SENTENCES = {
    "affirmed": (
        "There is a small left pleural effusion.", "The heart is enlarged.",
        "There is a nodule in the left lung.",
    ),
    "denied": (
        "There is no left pleural effusion.", "The heart is not enlarged.",
        "There is no nodule in the left lung.",
    ),
    "hedged": (
        "A left pleural effusion cannot be excluded.", "The heart may be enlarged.",
        "A nodule in the left lung cannot be excluded.",
    ),
    "gone": (
        "The left pleural effusion has resolved.", "The heart is no longer enlarged.",
        "The nodule in the left lung has resolved.",
    ),
}  # fmt: skip


class Reader(nn.Module):
    """MiniLM and a linear layer for the six questions."""

    by_adamw = ("head",)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = lm.load_minilm()
        self.encoder.tokenizer.enable_truncation(first.LONGEST)
        self.head = nn.Linear(384, len(first.QUESTIONS))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits of the questions, ``(n, 6)``."""
        longest = int(mask.sum(1).max())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = self.encoder(tokens[:, :longest], mask[:, :longest])
        logits: Tensor = self.head(vectors.float())
        return logits

    @torch.no_grad()
    def scores(self, its: list[str]) -> np.ndarray:
        """Logits of texts, those of similar length computed together."""
        order, found = np.argsort([len(it) for it in its]), np.zeros((len(its), 6))
        self.eval()
        for some in np.array_split(order, max(1, len(order) // 50)):
            found[some] = self(*self.encoder.batch([its[it] for it in some])).numpy()
        return found


@functools.cache
def heads(n: int, draw: int) -> list[LogisticRegression]:
    """Logistic regressions on the frozen vectors of the labelled reports, one a question."""
    taught = first.labelled("clean", 0, n, draw)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = lm.load_minilm().embed([first.texts("findings")[it] for it in taught])
    return [
        LogisticRegression(C=10.0, max_iter=2_000).fit(vectors.float().numpy(), right)
        for right in first.truth()[taught].T
    ]


def begun(n: int, draw: int) -> Reader:
    """The network before its first step: frozen vectors and logistic regressions."""
    reader = Reader()
    for it, model in enumerate(heads(n, draw)):
        reader.head.weight.data[it] = torch.tensor(model.coef_[0]).float()
        reader.head.bias.data[it] = float(model.intercept_[0])
    return reader


def batches(taught: np.ndarray, reader: Reader, seed: int) -> Any:
    """Batches of reports of similar length, in random order, for ever."""
    draw = np.random.default_rng(seed)
    texts, target = first.texts("findings"), torch.tensor(first.truth()).float()
    while True:
        order = draw.permutation(taught)
        for chunk in np.array_split(order, max(1, len(order) // (8 * BATCH))):
            sorted_ = sorted(chunk, key=lambda it: len(texts[it]))
            parts = np.array_split(sorted_, max(1, len(sorted_) // BATCH))
            for part in draw.permutation(len(parts)):
                rows = parts[part]
                yield *reader.encoder.batch([texts[it] for it in rows]), target[rows]


def tuned(n: int, draw: int, rate: float, steps: int, seed: int) -> Reader:
    """MiniLM after it has learnt from labelled reports."""
    torch.manual_seed(seed)
    reader, taught = begun(n, draw), first.labelled("clean", 0, n, draw)

    def loss(model: nn.Module, tokens: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(model(tokens, mask), target)

    recipe = lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 10, learning_rate=rate, weight_decay=0.01,
        evaluate_every=steps, final_fraction=0.02,
    )  # fmt: skip
    lm.train(reader, batches(taught, reader, seed), recipe, loss=loss)
    return reader


def tune(n: int, rate: float) -> dict[str, Any]:
    """Mean average precision on the validation reports after a third of the steps."""
    asked = first.split("clean", 0)[1]
    reader = tuned(n, 0, rate, STEPS[n] // 3, 0)
    found = reader.scores([first.texts("findings")[it] for it in asked])
    return {"validation": first.measures(found, asked)["precision"]}


def test(who: str, n: int, draw: int, rate: float, seed: int) -> dict[str, Any]:
    """The test reports, and the changed ones."""
    asked = first.split("clean", 0)[2]
    reader = tuned(n, draw, rate, STEPS[n], seed)
    found = reader.scores([first.texts("findings")[it] for it in asked])
    row: dict[str, Any] = {"by": "test", **first.measures(found, asked)}
    if n == 800:
        row["scores"] = first.stored(found)
        row["changed"] = first.stored(reader.scores(changed()))
    return row


def changed() -> list[str]:
    """Changed reports: by thing, then by sentence, then by report."""
    asked = [
        it for it in first.split("clean", 0)[2] if first.table().headings[it] == ("normal",)
    ]
    its = []
    for place, words in enumerate(ABOUT.values()):
        left = [
            " ".join(
                it
                for it in re.split(r"(?<=[.!?]) +", text)
                if not re.search(words, it.lower())
            )
            for text in (first.texts("findings")[number] for number in asked)
        ]
        kept = [it for it in left if it.count(".") >= 2][:50]
        its += [
            f"{it} {sentences[place]}" for sentences in SENTENCES.values() for it in kept
        ]
    return its


def represented(form: str, taught: list[str], its: list[str]) -> Any:
    """Texts that are learnt from, and others, as rows of numbers."""
    if form == "mean":
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return lm.load_minilm().embed(taught + its).float().numpy()
    if form not in ("words", *first.COMBINED["denials, letters"]):
        parts = [represented(it, taught, its) for it in first.COMBINED[form]]
        return sparse.hstack([sparse.csr_matrix(it) for it in parts]).tocsr()
    return first.weigher(form).fit(taught).transform(taught + its)


def others(who: str, form: str, strength: float) -> dict[str, Any]:
    """What rules, counted words and frozen vectors say of the changed reports."""
    its = changed()
    if who == "rules":
        rules = (*first.RULES.values(), first.OTHER)
        counts = np.array([[affirmed(it, rule) for rule in rules] for it in its])
        found = np.concatenate([counts.sum(1, keepdims=True), counts[:, :-1]], axis=1)
        return {"changed": first.stored(found.astype(float))}
    taught, before = first.labelled("clean", 0, 800, 0), first.texts("findings")
    known = represented(form, [before[it] for it in taught], its)
    found = np.zeros((len(its), 6))
    for it, right in enumerate(first.truth()[taught].T):
        model = LogisticRegression(C=strength, max_iter=2_000).fit(
            known[: len(taught)], right
        )
        found[:, it] = model.decision_function(known[len(taught) :])
    return {"changed": first.stored(found)}


def chosen(who: str) -> dict[str, Any]:
    """The setting that the first study chose for all 800 reports."""
    rows = lm.studies.load("06_applications/diagnosis")
    its = rows[(rows.who == who) & (rows.by == "test") & (rows.n == 800) & (rows.seed == 0)]
    its = its[(its.way == "clean") & (its.which == "findings")]
    return dict(its.iloc[0][["form", "strength"]])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_tuned")

    def score(rate: float) -> float:
        """Minus what ``best_inside`` makes as large as it can."""
        return -float(study.row(tune, n=800, rate=rate)["validation"])

    rate = lm.studies.best_inside(RATES, [1e-4], score)
    study.row(test, who="tuned", n=800, draw=0, rate=rate, seed=0)
    study.row(test, who="tuned", n=200, draw=0, rate=rate, seed=0)
    study.row(others, who="rules", form="", strength=0.0)
    for who in ("counts", "together"):
        best = chosen(who)
        study.row(others, who=who, form=best["form"], strength=best["strength"])
    study.save()
