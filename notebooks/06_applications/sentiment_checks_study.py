"""Fifth study of the chapter "Sentiment": what its comparisons depend on.

    make study NAME=06_applications/sentiment_checks

One thread, about 4 minutes, after the other four. The network that was kept reads sentences of
films and products whose words stand in another order, or without their negations. Counts learn
from more film sentences. Ridge regression sees counts, the lexicon and frozen vectors together.
Counts learn from those words alone that two kinds of sentences share. The 800 film sentences are
drawn six times. What people agree on is asked again within each half of the film file, which is
sorted by verdict, and once more without each rater's own level.
"""

from __future__ import annotations

import functools
from statistics import harmonic_mean
from typing import Any

import numpy as np
import pandas as pd
import sentiment_kept_study as kept
import sentiment_study as linear
import sentiment_tuned_study as first
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge

import largemodels as lm
from largemodels.data.ratings import KINDS, rated_sentences

ORDERS = ("intact", "shuffled", "shuffled-again", "kept", "moved", "dropped")
BLOCKS, SCALES, WEIGHTS = (4, 5, 6), (1.0, 3.0, 10.0), (1.0, 10.0)
DRAWS, SPLITS, BLOCK = 6, 20, 15  # BLOCK: sentences of one rater
Array = np.ndarray[Any, Any]


@functools.cache
def vader() -> Any:
    """The lexicon, read once."""
    return lm.vader()


def r(one: Any, other: Any) -> float:
    """Correlation."""
    return float(np.corrcoef(one, other)[0, 1])


def negates(word: str) -> bool:
    """Whether a word is a negation, by the lexicon."""
    return word.lower() in vader().negations or "n't" in word.lower()


def in_order(text: str, order: str, chance: Any) -> str:
    """The words of a text in another order; "kept": a negation keeps its next two words."""
    words = text.split()
    no = [negates(it) for it in words]
    if order.startswith("shuffled"):
        return " ".join(chance.permutation(words))
    if order == "kept":
        pieces, place = [], 0
        while place < len(words):
            end = place + (3 if no[place] else 1)
            pieces.append(" ".join(words[place:end]))
            place = end
        return " ".join(pieces[it] for it in chance.permutation(len(pieces)))
    others = [it for it, is_no in zip(words, no, strict=True) if not is_no]
    if order == "dropped":
        return " ".join(others) or text
    return " ".join(others + [it for it, is_no in zip(words, no, strict=True) if is_no])


@functools.cache
def reader() -> Any:
    """The network that learnt from all kinds, as it was kept."""
    return kept.restored(
        lm.studies.weights("06_applications/sentiment_kept", "reader").state
    )


def reorder(order: str) -> dict[str, Any]:
    """Rate 1,000 test sentences; "kept", "moved" and "dropped": those with a negation."""
    asked = first.some("test", first.N_TEST, ("film", "product"))
    negated = np.array([any(map(negates, it.split())) for it in asked.text])
    chance = np.random.default_rng(ORDERS.index(order))
    table = asked if order in ORDERS[:3] else asked[negated]
    texts = list(table.text)
    if order != "intact":
        texts = [in_order(it, order, chance) for it in texts]
    said = reader().rate(texts)[:, 0]
    study.keep(order, {"thousandths": (1_000 * said).round().to(torch.int16)}, config={})
    own = negated if len(table) == len(asked) else np.ones(len(table), bool)
    row = {"n": len(table), "negated": int(negated.sum())}
    return row | {"r_negated": r(said[own], table["mean"][own])}


def more(n: int) -> dict[str, Any]:
    """Counts of more film sentences: pairs and letters, the penalty chosen on validation."""
    taught, judge = first.taught("film", n), linear.asked("validation")
    own = (judge.kind == "film").to_numpy()
    train, validation, test = linear.features("counts", "film", n, "pairs, letters")
    found = []
    for penalty in (0.1, 1.0, 10.0):
        model = Ridge(penalty, solver="sparse_cg").fit(train, taught["mean"])
        score = r(model.predict(validation[own]), judge["mean"][own])
        found.append((score, penalty, model.predict(test)[: first.N_TEST]))
    _, penalty, said = max(found, key=lambda it: it[0])
    keep_means(f"counts-{n}", said)
    asked = first.some("test", first.N_TEST, ["film"])
    return {"penalty": penalty, "r": r(said, asked["mean"])}


def keep_means(name: str, said: Any) -> None:
    """Predicted means of test sentences, in thousandths."""
    state = {"thousandths": torch.tensor(1_000 * said).round().to(torch.int16)}
    study.keep(name, state, config={})


@functools.cache
def vectors() -> dict[int, Array]:
    """Mean hidden states of published MiniLM after the last blocks, ``(blocks, 384)``."""
    table = pd.concat([first.some("train", first.N_TRAIN), *map(linear.asked, PARTS)])
    plain, states, known = first.Reader().eval(), [], {}
    for block in plain.bert.blocks:
        block.register_forward_hook(lambda module, given, out: states.append(out))
    order = sorted(table.index, key=lambda row: len(table.text[row]))
    with torch.no_grad():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            tokens, mask = plain.encoder.batch([table.text[row] for row in rows])
            states.clear()
            plain.bert(tokens, mask)
            real = mask.unsqueeze(-1)
            its = [states[block - 1] for block in BLOCKS]
            means = [F.normalize((it * real).sum(1) / real.sum(1), dim=1) for it in its]
            known |= dict(zip(rows, torch.stack(means, 1).numpy(), strict=True))
    return known


PARTS = ("validation", "test")


def joined(kind: str) -> dict[str, Any]:
    """Ridge regression on counts, lexicon and frozen vectors, chosen on validation sentences."""
    tables = [first.taught(kind), *(linear.asked(it) for it in PARTS)]
    tables = [it[it.kind == kind] for it in tables]
    own = [np.ones(len(tables[0]), bool)]
    own += [(linear.asked(it).kind == kind).to_numpy() for it in PARTS]
    counts = linear.features("counts", kind, first.N_TRAIN, "pairs, letters")
    counts = [it[rows] for it, rows in zip(counts, own, strict=True)]
    scored = [lexicon_scores(it.text) for it in tables]
    states = [np.stack([vectors()[row] for row in it.index]) for it in tables]
    y, judge, asked = (it["mean"].to_numpy() for it in tables)

    def kernels(parts: list[Any]) -> list[Array]:
        found = [it @ parts[0].T for it in parts]
        return [it.toarray() if hasattr(it, "toarray") else it for it in found]

    by_counts, by_lexicon, found = kernels(counts), kernels(scored), []
    for place, block in enumerate(BLOCKS):
        by_vectors = kernels([it[:, place].astype(float) for it in states])
        for scale in SCALES:
            for weight in WEIGHTS:
                all_three = zip(by_counts, by_lexicon, by_vectors, strict=True)
                sums = [c + weight * x + scale * v for c, x, v in all_three]
                mean = sums[0].mean(0)
                centred = [
                    it - it.mean(1, keepdims=True) - mean + mean.mean() for it in sums
                ]
                w, u = np.linalg.eigh(centred[0])
                for penalty in linear.PENALTIES:
                    a = u @ (u.T @ (y - y.mean()) / (w.clip(0) + penalty))
                    said = [it @ a + y.mean() for it in centred[1:]]
                    key = (block, scale, weight, penalty)
                    found.append((r(said[0], judge), key, said[1]))
    _, key, said = max(found, key=lambda it: it[0])
    keep_means(f"joined-{kind}", said)
    names = ("block", "scale", "weight", "penalty")
    return dict(zip(names, key, strict=True)) | {"r": r(said, asked)}


def lexicon_scores(texts: Any) -> Array:
    """The lexicon's score and sum."""
    return np.array([[vader().score(it), vader().total(it) / 4] for it in texts])


def shared(source: str, target: str) -> dict[str, Any]:
    """Words alone, ridge regression: those that both kinds have, learnt from either."""
    taught, asked = (first.taught(it) for it in (source, target)), None
    one, other = taught
    asked = first.some("test", first.N_TEST, [target])
    known = [
        set(CountVectorizer(token_pattern=linear.TOKENS, min_df=2).fit(it.text).vocabulary_)
        for it in (one, other)
    ]
    row: dict[str, Any] = {"words": len(known[0] & known[1])}
    for name, table, words in (
        ("from_source", one, sorted(known[0] & known[1])),
        ("from_target", other, sorted(known[0] & known[1])),
        ("target_all", other, None),
        ("source_all", one, None),
    ):
        weigh = TfidfVectorizer(
            sublinear_tf=True, token_pattern=linear.TOKENS, vocabulary=words
        )
        model = Ridge(1.0, solver="sparse_cg")
        model.fit(weigh.fit_transform(table.text), table["mean"])
        row[name] = r(model.predict(weigh.transform(asked.text)), asked["mean"])
    return row


def drawn(draw: int) -> dict[str, Any]:
    """Counts and lexicon from another 800 film sentences, with the first draw's settings."""
    known = lm.studies.load("06_applications/sentiment")
    known = known[(known.method == "counts, lexicon") & (known.source == "film")]
    settings = known[known.n == first.N_TRAIN].iloc[0]
    train = first.sentences()
    train = train[(train.part == "train") & (train.kind == "film")]
    table = train[first.N_TRAIN * draw :][: first.N_TRAIN]
    asked, parts = first.some("test", first.N_TEST, ["film"]), []
    for options in linear.COUNTS[settings.mean_reads]:
        words = {} if options.get("analyzer") else {"token_pattern": linear.TOKENS}
        weigh = TfidfVectorizer(sublinear_tf=True, **words, **options)
        parts.append((weigh.fit_transform(table.text), weigh.transform(asked.text)))
    parts.append(tuple(csr_matrix(lexicon_scores(it.text)) for it in (table, asked)))
    train, test = (hstack(its).tocsr() for its in zip(*parts, strict=True))
    model = Ridge(settings.mean_penalty, solver="sparse_cg").fit(train, table["mean"])
    return {"r": r(model.predict(test), asked["mean"])}


def half_of_file(half: int) -> dict[str, Any]:
    """People and network within a half of the film file: first mostly praise, second blame."""
    film = rated_sentences()
    film = film[film.kind == "film"].reset_index(drop=True)
    m = film["mean"].to_numpy()
    wrong = np.r_[0, np.cumsum(m < 0)] + np.r_[0, np.cumsum((m > 0)[::-1])][::-1]
    cut = int(np.argmin(wrong))
    asked = first.some("test", first.N_TEST, ["film"])
    place = dict(zip(film.name, range(len(film)), strict=True))
    early = np.array([place[it] < cut for it in asked.name])
    own = early if half == 0 else ~early
    its, chance = asked.ratings[own], np.random.default_rng(0)
    rs = []
    for _ in range(SPLITS):
        mixed = [chance.permutation(it) for it in its]
        two = [(it[: len(it) // 2].mean(), it[len(it) // 2 :].mean()) for it in mixed]
        rs.append(r(*np.array(two).T))
    between, n = float(np.mean(rs)), harmonic_mean([len(it) for it in its])
    rho = between / (between + (1 - between) * n / 2)
    said = [
        lm.studies.weights("06_applications/sentiment_tuned", f"film-{it}").state[
            "thousandths"
        ]
        for it in first.SEEDS
    ]
    means = asked["mean"].to_numpy()
    network = np.mean([r(it[: first.N_TEST, 0].numpy()[own], means[own]) for it in said])
    c2 = float(network) ** 2 / (n * rho / (1 + (n - 1) * rho))
    return {
        "n": int(own.sum()), "cut": cut, "signs": 1 - float(wrong.min()) / len(film),
        "half_alone": r(early, means), "rho": rho, "one": rho**0.5, "network": float(network),
        "worth": c2 * (1 - rho) / (rho * (1 - c2)),
    }  # fmt: skip


def level(kind: str) -> dict[str, Any]:
    """One column with the mean of the others, as it is and at the others' level in its block."""
    table = rated_sentences()
    ratings = list(table.ratings[table.kind == kind])
    as_is, levelled, others = [], [], []
    for start in range(0, len(ratings) - BLOCK, BLOCK):
        block = ratings[start : start + BLOCK]
        if len({len(it) for it in block}) > 1:
            continue
        x = np.array(block, float)
        rest = (x.sum(1, keepdims=True) - x) / (x.shape[1] - 1)
        as_is.append(x.ravel())
        levelled.append((x - x.mean(0) + rest.mean(0)).ravel())
        others.append(rest.ravel())
    a, b, o = (np.concatenate(it) for it in (as_is, levelled, others))
    asked = first.some("test", first.N_TEST, [kind])
    n = np.array([len(it) for it in asked.ratings])
    var = np.array([np.var(it, ddof=1) for it in asked.ratings])
    true = np.var(asked["mean"], ddof=1) - np.mean(var / n)
    row = {"as_is": r(a, o), "levelled": r(b, o), "blocks": len(as_is)}
    return row | {"rho_moments": float(true / (true + var.mean()))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/sentiment_checks")
    for order in ORDERS:
        study.row(reorder, order=order)
    for half in (0, 1):
        study.row(half_of_file, half=half)
    for kind in KINDS:
        study.row(level, kind=kind)
    for source in KINDS:
        for target in KINDS:
            if source != target:
                study.row(shared, source=source, target=target)
    for draw in range(DRAWS):
        study.row(drawn, draw=draw)
    for n in (4_000, 5_500):
        study.row(more, n=n)
    for kind in KINDS:
        study.row(joined, kind=kind)
    study.save()
