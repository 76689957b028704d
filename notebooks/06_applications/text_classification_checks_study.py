"""Fourth study of "Text classification": what the comparison depends on.

    make study NAME=06_applications/text_classification_checks

One thread, about 6 minutes. How many word pieces MiniLM should read; what it loses when a text is
turned into lower-case letters, on Wikipedia articles, where both forms exist; TF-IDF without names,
that is with only those words that are whole words of MiniLM's vocabulary; averaged vectors of words
and pairs in the way of fastText (Joulin et al., 2016); penalties chosen by cross-validation inside
the labelled posts instead of on 1,000 validation posts; what posts of the same thread give away;
and the same comparison on Reuters R8.
"""

from __future__ import annotations

import functools
import itertools
import re
import zlib
from typing import Any

import numpy as np
import text_classification_study as first
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.news import news
from largemodels.data.topics import topic_articles

BUCKETS, LONGEST, WIDTH = (
    2**17,
    300,
    64,
)  # words and pairs hashed, words of a post read, vectors
EPOCHS = {10: 40, 100: 20, 1_000: 6}  # by labels a group


def vectors(texts: list[str], time: int = first.TIME) -> np.ndarray:
    """MiniLM's vectors of texts, ``(n, 384)``."""
    encoder = lm.load_minilm()
    encoder.tokenizer.enable_truncation(time)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return encoder.embed(texts).float().numpy()


def lengths(time: int) -> dict[str, Any]:
    """10 labels a group, 500 validation posts, of which MiniLM reads this many word pieces."""
    taught, asked = first.labelled(10, 0), first.rows("validation")[::2]
    known, new = (
        vectors([first.posts().text[i] for i in it], time) for it in (taught, asked)
    )
    best = 0.0
    for setting in first.LADDER[3:10]:
        model = LogisticRegression(C=setting, max_iter=3_000).fit(
            known, first.target()[taught]
        )
        best = max(best, 100 * float(model.score(new, first.target()[asked])))
    return {"validation": best}


def bare(letters_only: bool) -> dict[str, Any]:
    """20 labels a topic of Wikipedia articles, as they are or turned into lower-case letters."""
    table = topic_articles()
    table = table[table.topic != ""]
    texts = {it.Index: it.text for it in table.itertuples()}
    if letters_only:
        texts = {
            key: " ".join(re.sub("[^a-z]", " ", it.lower()).split())
            for key, it in texts.items()
        }
    mixed = table.sample(frac=1, random_state=0)
    taught = mixed[mixed.part == "train"].groupby("topic").head(20)
    asked = mixed[mixed.part == "test"][:600]
    known, new = (vectors([texts[key] for key in it.index]) for it in (taught, asked))
    model = LogisticRegression(C=10.0, max_iter=3_000).fit(known, taught.topic)
    right = model.predict(new) == asked.topic.to_numpy()
    return {
        "right": 100 * float(right.mean()),
        "hits": "".join("1" if it else "0" for it in right),
    }


def no_names(n: int, draw: int, setting: float) -> dict[str, Any]:
    """TF-IDF of words that are whole words of MiniLM's vocabulary, and of all words."""
    whole = set(lm.load_minilm().tokenizer.get_vocab())
    texts, row = list(first.posts().text), {}
    for name, words in (("ordinary", whole), ("all", None)):
        weigh = TfidfVectorizer(sublinear_tf=True, min_df=2)
        if words is not None:
            weigh.fit([texts[it] for it in np.flatnonzero(first.posts().part == "train")])
            kept = sorted(set(weigh.get_feature_names_out()) & words)
            weigh = TfidfVectorizer(sublinear_tf=True, vocabulary=kept)
        weigh.fit([texts[it] for it in np.flatnonzero(first.posts().part == "train")])
        known, taught = weigh.transform(texts), first.labelled(n, draw)
        model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
        asked = first.rows("test")
        row[name] = 100 * float(model.score(known[asked], first.target()[asked]))
        row[f"{name}_words"] = len(weigh.get_feature_names_out())
    return row


@functools.cache
def hashed(number: int) -> list[int]:
    """Buckets of the words and pairs of words of a post."""
    words = first.posts().text[number].split()[:LONGEST]
    pairs = [" ".join(it) for it in itertools.pairwise(words)]
    return [zlib.crc32(it.encode()) % BUCKETS for it in words + pairs]


class Averaged(nn.Module):
    """The mean of vectors of words and pairs, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean")
        nn.init.uniform_(self.table.weight, -1 / WIDTH, 1 / WIDTH)
        self.head = nn.Linear(WIDTH, 20)

    def forward(self, numbers: np.ndarray) -> Tensor:
        """Logits, ``(n, 20)``."""
        its = [torch.tensor(hashed(int(it))) for it in numbers]
        starts = torch.tensor([0, *[len(it) for it in its[:-1]]]).cumsum(0)
        logits: Tensor = self.head(self.table(torch.cat(its), starts))
        return logits


def averaged(n: int, draw: int, rate: float) -> Averaged:
    """Vectors of words learnt from labels alone."""
    torch.manual_seed(draw)
    taught = torch.tensor(first.labelled(n, draw))
    model = Averaged()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    truth, size = torch.tensor(first.target()), 16 if n < 200 else 64
    steps = EPOCHS[n] * len(taught) // size
    for step, (rows,) in zip(
        range(steps), shuffled(taught, batch_size=size, seed=draw), strict=False
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(rows.numpy()), truth[rows]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def tune_averaged(n: int, rate: float) -> dict[str, Any]:
    """Share of the validation posts named rightly."""
    asked = first.rows("validation")
    said = averaged(n, first.TUNING_DRAW, rate)(asked).argmax(1).numpy()
    return {"validation": 100 * float((said == first.target()[asked]).mean())}


@torch.no_grad()
def test_averaged(who: str, n: int, draw: int, rate: float) -> dict[str, Any]:
    """The groups of the test posts."""
    found = averaged(n, draw, rate)(first.rows("test")).numpy()
    return first.answers(found, first.target()[first.rows("test")])


def inside(who: str, n: int, draw: int) -> dict[str, Any]:
    """The penalty chosen by cross-validation inside the labelled posts; 1,000 test posts."""
    taught, asked = first.labelled(n, draw), first.rows("test")[::2]
    if who == "words":
        known, new = first.features("words")[taught], first.features("words")[asked]
    else:
        texts = first.posts().text
        known = vectors([texts[it] for it in taught])
        new = asked_vectors()
    search = GridSearchCV(first.classifier("SVM", 1.0), {"C": first.LADDER[2:11]}, cv=5)
    search.fit(known, first.target()[taught])
    right = float(search.score(new, first.target()[asked]))
    return {"right": 100 * right, "setting": search.best_params_["C"]}


@functools.cache
def asked_vectors() -> np.ndarray:
    """MiniLM's vectors of 1,000 test posts."""
    return vectors([first.posts().text[it] for it in first.rows("test")[::2]])


@functools.cache
def reuters() -> tuple[Any, dict[str, Any], dict[str, np.ndarray]]:
    """Topics of Reuters articles, what each classifier sees of them, and the parts."""
    table = news("r8")
    rng = np.random.default_rng(0)
    mixed = rng.permutation(np.flatnonzero(table.part == "train"))
    parts = {
        "validation": mixed[:400],
        "pool": mixed[400:],
        "test": rng.permutation(np.flatnonzero(table.part == "test"))[:1_000],
    }
    seen = np.concatenate(
        [
            parts["validation"],
            parts["test"],
            *[taught_r8(table, parts, 20, it) for it in range(4)],
        ]
    )
    seen = np.unique(seen)
    found = np.zeros((len(table), 384), np.float32)
    found[seen] = vectors([table.text[it] for it in seen])
    weigh = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    weigh.fit(table.text[table.part == "train"])
    return (
        table.topic.to_numpy(),
        {"frozen": found, "words": weigh.transform(table.text)},
        parts,
    )


def taught_r8(table: Any, parts: dict[str, np.ndarray], n: int, draw: int) -> np.ndarray:
    """Of each topic ``n`` articles."""
    mixed = np.random.default_rng(draw).permutation(parts["pool"])
    names = table.topic.to_numpy()
    return np.concatenate([mixed[names[mixed] == it][:n] for it in sorted(set(names))])


def r8(who: str, n: int, draw: int) -> dict[str, Any]:
    """1,000 test articles of R8; the penalty is chosen on 400 others, with another draw."""
    names, known, parts = reuters()
    some, tried = known[who], {}
    for kind in ("SVM", "Bayes") if who == "words" else ("SVM", "logistic"):
        for setting in first.LADDER[2:11]:
            taught = taught_r8(news("r8"), parts, n, 3)
            model = first.classifier(kind, setting).fit(some[taught], names[taught])
            tried[kind, setting] = model.score(
                some[parts["validation"]], names[parts["validation"]]
            )
    kind, setting = max(tried, key=tried.__getitem__)
    taught = taught_r8(news("r8"), parts, n, draw)
    model = first.classifier(kind, setting).fit(some[taught], names[taught])
    right = model.predict(some[parts["test"]]) == names[parts["test"]]
    return {
        "right": 100 * float(right.mean()),
        "kind": kind,
        "setting": setting,
        "hits": "".join("1" if it else "0" for it in right),
    }


def thread(number: int) -> str:
    """The first four words of a post's subject, without "re": posts of one thread share them."""
    words = first.posts().text[number].split()
    while words and words[0] in ("re", "fwd"):
        words = words[1:]
    return " ".join(words[:4])


def threads(use: str, setting: float) -> dict[str, Any]:
    """TF-IDF of words, all labels: without posts of threads asked about, or without others."""
    known, asked, pool = first.features("words"), first.rows(use), first.rows("pool")
    theirs = {thread(it) for it in asked}
    shared = np.array([thread(it) in theirs for it in pool])
    others = np.random.default_rng(0).permutation(np.flatnonzero(~shared))[: shared.sum()]
    parts = {
        "whole": pool,
        "without threads": pool[~shared],
        "without others": np.delete(pool, others),
    }
    row: dict[str, Any] = {"shared": int(shared.sum())}
    for name, taught in parts.items():
        model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
        row[name] = 100 * float(model.score(known[asked], first.target()[asked]))
    open_threads = {thread(it) for it in pool}
    row["asked_in_open_threads"] = int(sum(thread(it) in open_threads for it in asked))
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_checks")
    for time in (64, 128, 256):
        study.row(lengths, time=time)
    for letters_only in (False, True):
        study.row(bare, letters_only=letters_only)
    for use in ("validation", "test"):
        study.row(threads, use=use, setting=1.0)
    for n, setting in ((20, 10.0), (1_000, 1.0)):
        study.row(no_names, n=n, draw=0, setting=setting)
    for who in ("words", "frozen"):
        for n in (5, 20):
            for draw in range(3):
                study.row(r8, who=who, n=n, draw=draw)
        for draw in range(3):
            study.row(inside, who=who, n=10, draw=draw)
    for n in EPOCHS:

        def score(rate: float, n: int = n) -> float:
            """Minus what ``best_inside`` makes as large as it can."""
            return -float(study.row(tune_averaged, n=n, rate=rate)["validation"])

        rate = lm.studies.best_inside(
            [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0], [0.03], score
        )
        for draw in range(3) if n < 1_000 else [0]:
            study.row(test_averaged, who="averaged", n=n, draw=draw, rate=rate)
    study.save()
