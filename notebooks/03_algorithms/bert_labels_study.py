"""Third study of the chapter "BERT": what reading without labels brings when labels are few.

    make study NAME=03_algorithms/bert_labels

One thread, about 18 minutes, after bert_longer. Networks, TF-IDF and the frozen vectors of networks
learn 11 topics from 10, 50 or 250 labelled articles a topic, or as many as a topic has. All read
the first 64 tokens of an article, start and end included; TF-IDF also reads whole articles. Rates
and penalties are chosen on validation articles, with a draw of labels that is not reported, by
ladders that are extended until the best lies inside. Networks read by the mean of their hidden
states.
"""

from __future__ import annotations

import functools
from typing import Any

import bert_study as first
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.topics import topic_articles

STEPS = {10: 50, 50: 100, 250: 200}  # by labels a topic, of 16 articles each
DRAWS, TUNING_DRAW, BATCH_SIZE = range(3), 3, 16
RATES = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
PENALTIES = [
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    0.1,
    1.0,
    10.0,
    100.0,
    1e3,
    1e4,
    1e5,
]  # C of scikit-learn
FIRST = {
    "untrained": 1e-3, "pretrained": 1e-3, "MiniLM": 3e-4, "frozen": 0.1, "frozen MiniLM": 100.0,
    "TF-IDF": 10.0, "TF-IDF, whole": 10.0,
}  # fmt: skip


@functools.cache
def topics() -> tuple[Tensor, dict[str, Tensor]]:
    """The topic of each article, -1 for none, and the articles of each part that have one."""
    articles = topic_articles()
    names = sorted(set(articles.topic) - {""})
    topic = torch.tensor([names.index(it) if it else -1 for it in articles.topic])
    part = articles.part.to_numpy()
    rows = {
        it: ((topic >= 0) & torch.from_numpy(part == it)).nonzero()[:, 0]
        for it in ("train", "validation", "test")
    }
    return topic, rows


def labelled(n: int, draw: int) -> Tensor:
    """Articles whose topic may be seen: of each topic ``n``, or all if it has fewer."""
    topic, rows = topics()
    generator = torch.Generator().manual_seed(draw)
    mixed = rows["train"][torch.randperm(len(rows["train"]), generator=generator)]
    return torch.cat([mixed[topic[mixed] == it][:n] for it in range(topic.max() + 1)])


@functools.cache
def read_by(who: str) -> tuple[Tensor, Tensor]:
    """The first tokens of all articles as a network reads them, and the mask."""
    texts = list(topic_articles().text)
    if who == "MiniLM":
        encoder = lm.load_minilm()
        encoder.tokenizer.enable_truncation(first.TIME)
        return encoder.batch(texts)
    return first.word_pieces().batch(texts, first.TIME)


class Reader(nn.Module):
    """A BERT whose mean hidden state is classified."""

    by_adamw = ("head",)

    def __init__(self, bert: lm.BERT) -> None:
        super().__init__()
        self.bert, self.head = bert, nn.Linear(bert.config.d_model, 11)

    def vectors(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The means of real tokens' hidden states, ``(n, d_model)``."""
        longest = int(mask.sum(1).max())
        tokens, mask = tokens[:, :longest], mask[:, :longest]
        hidden = self.bert(tokens, None if mask.all() else mask)
        means: Tensor = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return means

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits of the topics, ``(n, 11)``."""
        logits: Tensor = self.head(self.vectors(tokens, mask))
        return logits


def bert(who: str) -> lm.BERT:
    """A network as it is before it sees labels."""
    if who == "MiniLM":
        return lm.load_minilm().model
    model = first.network("rotary")
    if who == "pretrained":
        kept = lm.studies.weights("03_algorithms/bert_longer", "model")
        model.load_state_dict(kept.state)
    return model


def tuned(who: str, rows: Tensor, rate: float, steps: int, seed: int) -> Reader:
    """All weights of a network learn the topics of some articles."""
    torch.manual_seed(seed)
    tokens, mask = read_by(who)
    reader = Reader(bert(who))
    for module in reader.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    batches = shuffled(
        tokens[rows], mask[rows], topics()[0][rows], batch_size=BATCH_SIZE, seed=seed
    )

    def loss(model: nn.Module, tokens: Tensor, mask: Tensor, topic: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens, mask), topic)

    recipe = lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 10, learning_rate=rate, weight_decay=0.01,
        evaluate_every=steps, final_fraction=0.02,
    )  # fmt: skip
    lm.train(reader, batches, recipe, loss=loss)
    return reader.eval()


@torch.no_grad()
def right(reader: Reader, who: str, rows: Tensor) -> float:
    """Topics named rightly, in per cent."""
    tokens, mask = read_by(who)
    rows = rows[mask[rows].sum(1).argsort()]  # articles of similar length together
    found = torch.cat([reader(tokens[it], mask[it]).argmax(1) for it in rows.split(64)])
    return 100 * (found == topics()[0][rows]).float().mean().item()


@functools.cache
def features(who: str) -> Any:
    """What logistic regression sees of each article; nothing here knows a label."""
    if who.startswith("TF-IDF"):
        articles = topic_articles()
        train, texts = (articles.part == "train").to_numpy(), list(articles.text)
        if who == "TF-IDF":
            texts = [first.word_pieces().decode(it) for it in first_tokens()]
        return (
            TfidfVectorizer(sublinear_tf=True)
            .fit(np.array(texts, object)[train])
            .transform(texts)
        )
    network = "MiniLM" if who == "frozen MiniLM" else "pretrained"
    tokens, mask = read_by(network)
    reader = Reader(bert(network)).eval()
    topic, rows = topics()
    order = (topic >= 0).nonzero()[:, 0]
    order = order[mask[order].sum(1).argsort()]
    vectors = torch.zeros(len(tokens), reader.bert.config.d_model)
    with torch.no_grad():
        for it in order.split(64):
            vectors[it] = reader.vectors(tokens[it], mask[it])
    seen = vectors[rows["train"]]
    return ((vectors - seen.mean(0)) / seen.std(0)).numpy()


def first_tokens() -> list[Tensor]:
    """Of each article what a network of the chapter sees, without start and end."""
    tokens, mask = read_by("pretrained")
    return [row[its][1:-1] for row, its in zip(tokens, mask, strict=True)]


def run(who: str, n: int, draw: int, setting: float) -> dict[str, Any]:
    """Learn the topics of a draw and name those of test articles, or of validation articles."""
    topic, rows = topics()
    seen = labelled(n, draw)
    asked = rows["validation" if draw == TUNING_DRAW else "test"]
    if who in ("untrained", "pretrained", "MiniLM"):
        steps = 2 * STEPS[n] // 5 if who == "MiniLM" else STEPS[n]
        return {"right": right(tuned(who, seen, setting, steps, draw), who, asked)}
    known = features(who)
    model = LogisticRegression(C=setting, max_iter=2_000).fit(
        known[seen.numpy()], topic[seen]
    )
    return {"right": 100 * float(model.score(known[asked.numpy()], topic[asked]))}


def all_draws(who: str, n: int) -> None:
    """Choose the setting, then learn from each draw."""
    ladder = RATES if who in ("untrained", "pretrained", "MiniLM") else PENALTIES

    def score(setting: float) -> float:
        row = study.row(run, who=who, n=n, draw=TUNING_DRAW, setting=setting)
        return -float(row["right"])

    setting = lm.studies.best_inside(ladder, [FIRST[who]], score)
    for draw in DRAWS:
        study.row(run, who=who, n=n, draw=draw, setting=setting)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_labels")
    for who in FIRST:
        for n in (10,) if who == "MiniLM" else STEPS:
            all_draws(who, n)
    study.save()
