"""Fourth study of "Translation": near-twins, words instead of pairs, other ways to count.

    make study NAME=06_applications/translation_twins

One thread, about 6 minutes. An interrupted study goes on where it stopped.

The other studies keep near-twins of the test out of training. Here all messages are divided at
random, so that a message of the test may resemble one that was translated before. Then phrases
learn from the longest messages, from as many of any length, and from any messages with as many
words. Last, the two good systems are compared in other ways than the second study's.
"""

from __future__ import annotations

import functools
import re
import time
from typing import Any

import numpy as np
import torch
import translation_marian_study as second
from sacrebleu.metrics import BLEU, CHRF
from translation_marian_study import first

import largemodels as lm
from largemodels.data.catalogues import messages
from largemodels.data.registry import files
from largemodels.text.neighbours import Neighbours

SPLITS, SEEDS, N_PAIRS, N_DRAWN = (0, 1, 2), (0, 1), 3_664, 2_000
SIGNS = str.maketrans({"“": '"', "”": '"', "’": "'", "—": "-"})


def counts(said: list[str], wanted: list[str]) -> str:
    """What BLEU is made of, text by text."""
    bleu = BLEU()
    found = [bleu.corpus_score([a], [[b]]) for a, b in zip(said, wanted, strict=True)]
    return ";".join(
        " ".join(map(str, (it.sys_len, it.ref_len, *it.counts))) for it in found
    )


def each(metric: Any, said: list[str], wanted: list[str]) -> list[float]:
    """A score of each text."""
    return [
        round(metric.sentence_score(a, [b]).score, 2)
        for a, b in zip(said, wanted, strict=True)
    ]


def drawn(split: int) -> dict[str, Any]:
    """All messages, divided at random: 500 of four words or more are the test."""
    pairs = [
        pair
        for pair in messages(files("libreoffice-pt-br").values())
        if max(len(text.split()) for text in pair) <= 30
    ]
    order = np.random.default_rng(split).permutation(len(pairs)).tolist()
    rows = [row for row in order if len(pairs[row][0].split()) >= 4][: first.N_TEST]
    train = [pairs[row] for row in sorted({*order} - {*rows})]
    handbook = first.parts()["handbook"]["train"]
    train += zip(handbook.source, handbook.target, strict=True)
    began = time.process_time()
    learnt = tuple([pair[side] for pair in train] for side in (0, 1))
    phrases, memory = lm.Phrases(*learnt), lm.TranslationMemory(*learnt)
    source, target = ([pairs[row][side] for row in rows] for side in (0, 1))
    said = {
        "phrases": [phrases.translate(text) for text in source],
        "memory": [memory.translate(text) for text in source],
        "marian": second.marian().translate(source),
    }
    index = Neighbours(learnt[0])
    row: dict[str, Any] = {"n_messages": len(pairs), "n_train": len(train)}
    row["similarity"] = [round(float(index.similarities(text).max()), 3) for text in source]
    for system, texts in said.items():
        row |= first.scores(texts, target, system)
        row[f"counts {system}"] = counts(texts, target)
        row[f"each {system}"] = each(CHRF(), texts, target)
    return row | {"core_seconds": time.process_time() - began}


def fewer(choice: str, seed: int) -> dict[str, Any]:
    """Phrases from some messages and the whole handbook, judged on the chapter's messages.

    "long": the longest of nine tenths of the messages; "pairs": as many of any length; "words": so
    many of any length that they have as many words as the long ones.
    """
    train = first.parts()["messages"]["train"]
    sizes = np.array([len(text.split()) for text in train.source])
    order = np.random.default_rng(seed).permutation(len(sizes))
    some = order[: len(order) * 9 // 10]
    long = some[np.argsort(-sizes[some], kind="stable")][:N_PAIRS]
    n_words = int(np.searchsorted(sizes[order].cumsum(), sizes[long].sum())) + 1
    rows = {"long": long, "pairs": order[:N_PAIRS], "words": order[:n_words]}[choice]
    handbook = first.parts()["handbook"]["train"]
    began = time.process_time()
    model = lm.Phrases(
        [train.source[row] for row in rows] + handbook.source,
        [train.target[row] for row in rows] + handbook.target,
    )
    source, target = second.texts("messages")
    said = [model.translate(text) for text in source]
    row: dict[str, Any] = {"n_pairs": len(rows), "n_words": int(sizes[rows].sum())}
    row |= first.scores(said, target, "phrases") | {"counts phrases": counts(said, target)}
    return row | {"core_seconds": time.process_time() - began}


def plain(text: str) -> str:
    """A text without spaces and capitals."""
    return re.sub(r"\s+", "", text).lower()


def changed(source: str, said: str) -> bool:
    """Whether a name is not in the translation, whatever the spaces and capitals."""
    lost = second.names(source) - second.names(said)
    return any(plain(it) not in plain(said) for it in lost)


@functools.cache
def draws() -> Any:
    """The 500 texts, drawn again: how often each."""
    share = np.full(first.N_TEST, 1 / first.N_TEST)
    return np.random.default_rng(0).multinomial(first.N_TEST, share, N_DRAWN)


def whole(metric: Any, said: list[str], wanted: list[str]) -> Any:
    """A score of all texts together, and of each draw of them."""
    each = np.array(metric._extract_corpus_statistics(said, [wanted]))
    totals = [each.sum(0), *(draws() @ each)]
    return np.array([metric._compute_score_from_stats(it.tolist()).score for it in totals])


def compare(name: str) -> dict[str, Any]:
    """The trained model and phrases on the chapter's test: four ways to count, names, signs."""
    source, target = second.texts(name)
    said = {it: second.said(it, name) for it in ("marian", "phrases")}
    row: dict[str, Any] = {"n_words": sum(map(len, map(str.split, source)))}
    for label, metric in (("bleu", BLEU(effective_order=True)), ("chrf", CHRF())):
        both = [whole(metric, it, target) for it in said.values()]
        apart = both[0] - both[1]
        row[f"{label}, all"] = [apart[0], *np.quantile(apart[1:], [0.025, 0.975])]
        one = np.subtract(*(each(metric, it, target) for it in said.values()))
        ends = np.quantile(draws() @ one / len(one), [0.025, 0.975])
        row[f"{label}, mean"] = [one.mean(), *ends]
        row[f"{label}, won"], row[f"{label}, lost"] = (
            int((one > 0).sum()),
            int((one < 0).sum()),
        )
    for system, texts in {**said, "translators": target}.items():
        flags = [changed(a, b) for a, b in zip(source, texts, strict=True)]
        row[f"names {system}"] = "".join(str(int(it)) for it in flags)
    row |= at_risk(source, said["marian"]) | signs(source, target, said)
    train = first.parts()[name]["train"]
    return row | {"words for training": sum(map(len, map(str.split, train.source)))}


def at_risk(source: list[str], said: list[str]) -> dict[str, int]:
    """How many texts have a number, a name, a negation, and what the rules see of faults put in."""
    row = {
        "at risk, number": sum(bool(second.numbers(it)) for it in source),
        "at risk, name": sum(bool(second.names(it)) for it in source),
        "at risk, negation": sum(bool(second.NOT.search(it)) for it in source),
    }
    for label, part in (("third", 1 / 3), ("quarter", 1 / 4)):
        words = [it.split() for it in said]
        cut = [" ".join(it[: max(1, round(len(it) * (1 - part)))]) for it in words]
        found = [second.broken(a, b)["length"] for a, b in zip(source, cut, strict=True)]
        row[f"a {label} cut, seen"] = sum(found)
    denied = [pair for pair in zip(source, said, strict=True) if second.NAO.search(pair[1])]
    seen = [second.broken(a, second.NAO.sub("", b))["negation"] for a, b in denied]
    return row | {"negations deleted": len(seen), "negations deleted, seen": sum(seen)}


def signs(
    source: list[str], target: list[str], said: dict[str, list[str]]
) -> dict[str, Any]:
    """Texts with a sign that the trained model's pieces lack, before and after making it plain."""
    pieces = second.marian().pieces
    unknown = pieces.inner.token_to_id("<unk>")
    rows = [n for n, it in enumerate(source) if unknown in pieces.encode(it).tolist()]
    again = list(said["marian"])
    for n, text in zip(
        rows,
        second.marian().translate([source[n].translate(SIGNS) for n in rows]),
        strict=True,
    ):
        again[n] = text
    row: dict[str, Any] = {"signs": rows}
    for system, texts in {**said, "plain": again}.items():
        some = [texts[n] for n in rows], [target[n] for n in rows]
        row |= first.scores(*some, f"{system}, signs") | first.scores(texts, target, system)
    return row


def portugal() -> dict[str, Any]:
    """Phrases from the messages of Portugal's translators, against these, and the trained model."""
    other: dict[str, str] = {}
    for part in lm.translations("pt").values():
        other |= dict(zip(part.source, part.target, strict=True))
    train = [it for it in first.parts()["messages"]["train"].source if it in other]
    model = lm.Phrases(train, [other[it] for it in train])
    source, target = second.texts("messages")
    rows = [n for n, text in enumerate(source) if text in other]
    wanted = [other[source[n]] for n in rows]
    row: dict[str, Any] = {"n_train": len(train)}
    row |= first.scores([model.translate(source[n]) for n in rows], wanted, "phrases")
    found = [second.said("marian", "messages")[n] for n in rows]
    row |= first.scores(found, wanted, "marian") | {
        "counts Portugal": counts(found, wanted)
    }
    return row | {"counts Brazil": counts(found, [target[n] for n in rows])}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/translation_twins")
    for split in SPLITS:
        study.row(drawn, split=split)
    for choice in ("long", "pairs", "words"):
        for seed in SEEDS:
            study.row(fewer, choice=choice, seed=seed)
    for name in second.SETS:
        study.row(compare, name=name)
    study.row(portugal)
    study.save()
