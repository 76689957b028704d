"""Second study of the chapter "Translation": the trained model beside the rivals, text by text.

    make study NAME=06_applications/translation_marian

One thread, about 8 minutes. An interrupted study goes on where it stopped.

All systems translate the 500 messages and the 500 sentences of the test. For each text the study
keeps how close the translation is to the translator's (chrF, and the counts that BLEU is made of)
and which rules it breaks, but not the translation. How the model looks for a translation, by beams
of several widths and with several length penalties, is tried on validation texts. Translations are
translated back into English.
"""

from __future__ import annotations

import functools
import re
import time
from collections import Counter
from typing import Any

import numpy as np
import torch
import translation_study as first
from sacrebleu.metrics import BLEU, CHRF

import largemodels as lm
from largemodels.pretrained.marian import load_marian

RIVALS = ("memory", "phrases", "ours")
SETS = ("messages", "handbook")
BEAMS, PENALTIES, N_TRIAL, N_BACK = (1, 2, 4, 8), (0.0, 0.5, 1.0, 2.0), 100, 200
RULES = ("number", "name", "negation", "length", "repetition", "word")
NOT = re.compile(r"\b(not?|never|none|nothing|cannot|without|neither|nor)\b|n't\b", re.I)
NAO = re.compile(r"\b(não|nem|nunca|jamais|nenhum\w*|nada|ninguém|sem)\b", re.I)
WORD = re.compile(r"[^\W\d_]+")


def names(text: str) -> Counter[str]:
    """Words that stay as they are in both languages: with a slash, a digit or an inner capital."""
    found = (it.strip(".,;:!?()[]“”\"'") for it in text.split())
    return Counter(
        it for it in found if re.search(r"\w/|/\w|[a-z][A-Z]|[A-Za-z]-?\d|_", it)
    )


def numbers(text: str) -> Counter[str]:
    """Numbers, whatever separates their digits."""
    return Counter(re.sub(r"[.,](?=\d)", "", it) for it in re.findall(r"\d[\d.,]*", text))


@functools.cache
def seen() -> tuple[frozenset[str], float, float]:
    """Words of the training pairs' translations, and the shortest and longest usual translation."""
    sources, targets = first.training()
    shares = [
        len(b) / len(a) for a, b in zip(sources, targets, strict=True) if len(a) >= 20
    ]
    low, high = np.quantile(shares, [0.005, 0.995])
    words = {it.lower() for text in targets for it in WORD.findall(text)}
    return frozenset(words), float(low), float(high)


def broken(source: str, said: str) -> dict[str, bool]:
    """Which rules a translation breaks, without a look at the translator's."""
    known, low, high = seen()
    own = {it.lower() for it in WORD.findall(source)}
    words = [it.lower() for it in WORD.findall(said)]
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    return {
        "number": numbers(source) != numbers(said),
        "name": bool(names(source) - names(said)),
        "negation": bool(NOT.search(source)) != bool(NAO.search(said)),
        "length": not low <= len(said) / len(source) <= high,
        "repetition": max(runs.values(), default=0) > 1,
        "word": any(len(it) > 3 and it not in known and it not in own for it in words),
    }


def details(
    said: list[str], source: list[str], target: list[str], name: str
) -> dict[str, Any]:
    """Scores of all texts together and of each, and the rules that each breaks."""
    bleu, chrf = BLEU(effective_order=False), CHRF()
    row: dict[str, Any] = first.scores(said, target, name)
    row[f"each {name}"] = [
        round(chrf.sentence_score(a, [b]).score, 3)
        for a, b in zip(said, target, strict=True)
    ]
    counts = [bleu.corpus_score([a], [[b]]) for a, b in zip(said, target, strict=True)]
    row[f"counts {name}"] = ";".join(
        " ".join(map(str, (it.sys_len, it.ref_len, *it.counts))) for it in counts
    )
    checks = [broken(a, b) for a, b in zip(source, said, strict=True)]
    for rule in RULES:
        row[f"{rule} {name}"] = "".join(str(int(it[rule])) for it in checks)
    same = [a == b and len(b.split()) >= 8 for a, b in zip(said, target, strict=True)]
    row[f"same {name}"] = sum(same)
    row[f"long {name}"] = sum(len(b.split()) >= 8 for b in target)
    return row


def texts(
    name: str, part: str = "test", n: int = first.N_TEST
) -> tuple[list[str], list[str]]:
    """The first texts of a part and their translations."""
    some = first.parts()[name][part]
    return some.source[:n], some.target[:n]


@functools.cache
def marian(direction: str = "en-pt") -> Any:
    """The trained translator."""
    return load_marian(direction)


@functools.cache
def sayer(system: str) -> Any:
    """A function from texts to translations."""
    if system == "ours":
        kept = lm.studies.weights("06_applications/translation", "ours")
        model = lm.Transformer(lm.TransformerConfig(**kept.config))
        model.load_state_dict(kept.state)
        return functools.partial(first.translate, model)
    if system in ("memory", "phrases"):
        makers: dict[str, Any] = {"memory": lm.TranslationMemory, "phrases": lm.Phrases}
        one = makers[system](*first.training())
        return lambda some: [one.translate(text) for text in some]
    choices: dict[str, Any] = {
        "marian": {},
        "marian, short list": dict(short_list=True),
        "marian, beam of four": dict(n_beam=4),
    }
    return functools.partial(marian().translate, **choices[system])


@functools.cache
def said(system: str, name: str) -> list[str]:
    """A system's translations of the test."""
    result: list[str] = sayer(system)(texts(name)[0])
    return result


def judge(system: str) -> dict[str, Any]:
    """A system on both tests; the translators themselves break rules, too."""
    row: dict[str, Any] = {}
    began = time.process_time()
    for name in SETS:
        source, target = texts(name)
        row |= details(
            target if system == "translators" else said(system, name), source, target, name
        )
    return row | {"core_seconds": time.process_time() - began}


def decode(n_beam: int, penalty: float) -> dict[str, Any]:
    """The trained model with a beam, on validation texts."""
    row: dict[str, Any] = {}
    for name in SETS:
        source, target = texts(name, "validation", N_TRIAL)
        found = marian().translate(source, n_beam, penalty)
        row |= first.scores(found, target, name)
        row[f"words {name}"] = sum(map(len, map(str.split, found)))
        row[f"wanted {name}"] = sum(map(len, map(str.split, target)))
    return row


def back(system: str) -> dict[str, Any]:
    """Translations of a system, translated back: chrF with the English that one began with."""
    row: dict[str, Any] = {}
    chrf = CHRF()
    for name in SETS:
        source = texts(name, n=N_BACK)[0]
        again = marian("pt-en").translate(said(system, name)[:N_BACK])
        row[f"back {name}"] = [
            round(chrf.sentence_score(a, [b]).score, 3)
            for a, b in zip(again, source, strict=True)
        ]
    return row


def dialect() -> dict[str, Any]:
    """The trained model's messages against translators of Brazil and of Portugal."""
    other: dict[str, str] = {}
    for part in lm.translations("pt").values():
        other |= dict(zip(part.source, part.target, strict=True))
    source, target = texts("messages")
    rows = [row for row, text in enumerate(source) if text in other]
    found = [said("marian", "messages")[row] for row in rows]
    brazil, portugal = [target[row] for row in rows], [other[source[row]] for row in rows]
    return {
        "n": len(rows),
        "equal": sum(a == b for a, b in zip(brazil, portugal, strict=True)),
        **first.scores(found, brazil, "Brazil"),
        **first.scores(found, portugal, "Portugal"),
        **first.scores(brazil, portugal, "translators"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/translation_marian")
    for system in ("translators", "memory", "phrases", "ours", "marian"):
        study.row(judge, system=system)
    study.row(judge, system="marian, short list")
    study.row(dialect)
    for system in (*RIVALS, "marian"):
        study.row(back, system=system)
    for n_beam in BEAMS:
        study.row(decode, n_beam=n_beam, penalty=1.0)
    for penalty in PENALTIES:
        if penalty != 1.0:
            study.row(decode, n_beam=4, penalty=penalty)
    study.row(judge, system="marian, beam of four")
    study.save()
