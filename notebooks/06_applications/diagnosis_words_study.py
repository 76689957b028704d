"""Sixth study of "Diagnosis": the counts at their best, with the headings' own words.

    make study NAME=06_applications/diagnosis_words

One thread, five minutes. To the first study's forms come others: marked words with an L1 penalty,
which keeps few of them; letters of the marked text; and, beside the counts, five columns that say
whether a word of the heading's own name stands in the report and is not denied. The words come
from the headings' names; for the heart, "heart enlarged" is one, too. Each form has its ladder of
penalties on the validation reports, extended until the best lies inside.

Then the changed reports of the second study, and the same with nothing appended. And 800 reports
drawn from all others, near-twins of the test among them.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import diagnosis_study as first
import diagnosis_tuned_study as second
import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.text.negation import affirmed, with_denials

OWN = {
    "cardiomegaly": r"cardiomegaly|heart (?:is )?(?:\w+ )?enlarged|enlarged heart",
    "opacity": r"opacit\w+", "atelectasis": r"atelecta\w+", "effusion": r"effusion\w*",
    "nodule": r"nodul\w+",
}  # fmt: skip
PARTS = {
    "denials, L1": ("denials",),
    "denials, marked letters": ("denials", "marked letters"),
    "own words": ("own",),
    "denials, own words, L1": ("denials", "own"),
    "denials, letters, own words x 0.1": ("denials", "letters", "own x 0.1"),
    "denials, letters, own words x 0.3": ("denials", "letters", "own x 0.3"),
    "denials, letters, own words": ("denials", "letters", "own"),
    "denials, letters, own words x 3": ("denials", "letters", "own x 3"),
    "denials": ("denials",),
    "denials, letters": ("denials", "letters"),
}
NEW = [it for it in PARTS if it not in ("denials", "denials, letters")]
LADDER = [10.0 ** (it / 2) for it in range(-6, 13)]


def part(form: str, taught: list[str], its: list[str]) -> Any:
    """One kind of columns of some texts."""
    if form.startswith("own"):
        scale = float(form.split()[-1]) if " " in form else 1.0
        found = [[affirmed(it, rule) > 0 for rule in OWN.values()] for it in its]
        return sparse.csr_matrix(scale * np.array(found, float))
    if form == "marked letters":
        weigh = TfidfVectorizer(
            analyzer="char_wb", sublinear_tf=True, ngram_range=(2, 5),
            preprocessor=with_denials,
        )  # fmt: skip
    else:
        weigh = first.weigher(form)
    return weigh.fit(taught).transform(its)


@functools.lru_cache(maxsize=4)
def everything(kind: str, taught: tuple[int, ...]) -> Any:
    """One kind of columns of all reports."""
    its = first.texts("findings")
    return part(kind, [its[it] for it in taught], its)


def known(form: str, taught: np.ndarray) -> Any:
    """All reports in a form."""
    return sparse.hstack([everything(it, tuple(taught)) for it in PARTS[form]]).tocsr()


def fitted(form: str, rows: Any, right: np.ndarray, strength: float) -> LogisticRegression:
    """A logistic regression with the penalty of the form."""
    if form.endswith("L1"):
        model = LogisticRegression(
            C=strength, l1_ratio=1.0, solver="liblinear", max_iter=2_000, random_state=0
        )
    else:
        model = LogisticRegression(C=strength, max_iter=2_000)
    return model.fit(rows, right)


def answers(
    form: str, strength: float, taught: np.ndarray, rows: Any, asked: Any
) -> np.ndarray:
    """Log odds of the six questions, ``(n, 6)``."""
    found = np.zeros((asked.shape[0], len(first.QUESTIONS)))
    for it, right in enumerate(first.truth()[taught].T):
        if right.any() and not right.all():
            found[:, it] = fitted(form, rows, right, strength).decision_function(asked)
    return found


def tune(form: str, seed: int, n: int, draw: int, strength: float) -> dict[str, Any]:
    """Mean average precision on the validation reports."""
    taught, asked = first.labelled("clean", seed, n, draw), first.split("clean", seed)[1]
    rows = known(form, taught)
    found = answers(form, strength, taught, rows[taught], rows[asked])
    return {"validation": first.measures(found, asked)["precision"]}


def test(
    who: str, form: str, seed: int, n: int, draw: int, strength: float
) -> dict[str, Any]:
    """The test reports."""
    taught, asked = first.labelled("clean", seed, n, draw), first.split("clean", seed)[2]
    rows = known(form, taught)
    found = answers(form, strength, taught, rows[taught], rows[asked])
    row: dict[str, Any] = {"by": "test", **first.measures(found, asked)}
    return row | ({"scores": first.stored(found)} if seed == 0 and n > 50 else {})


def silent() -> tuple[list[str], list[str]]:
    """Reports without the sentences on a thing and nothing appended; and as they were."""
    texts, headings = first.texts("findings"), first.table().headings
    asked = [it for it in first.split("clean", 0)[2] if headings[it] == ("normal",)]
    left_out, before = [], []
    for words in second.ABOUT.values():
        left = [
            " ".join(
                it
                for it in re.split(r"(?<=[.!?]) +", texts[number])
                if not re.search(words, it.lower())
            )
            for number in asked
        ]
        kept = [it for it, text in enumerate(left) if text.count(".") >= 2][:50]
        left_out += [left[it] for it in kept]
        before += [texts[asked[it]] for it in kept]
    return left_out, before


def spoken(who: str, form: str, strength: float) -> dict[str, Any]:
    """What a form says of the test, of the changed reports, of silent and unchanged ones."""
    left_out, before = silent()
    its = {"changed": second.changed(), "silent": left_out, "before": before}
    if who == "rules":
        rules = first.RULES.values()
        return {
            name: first.stored(
                np.array(
                    [[0, *(affirmed(it, rule) for rule in rules)] for it in texts], float
                )
            )
            for name, texts in its.items()
            if name != "changed"
        }
    taught, all_ = first.labelled("clean", 0, 800, 0), first.texts("findings")
    asked = [all_[it] for it in first.split("clean", 0)[2]]
    learnt = [all_[it] for it in taught]

    def rows(texts: list[str]) -> Any:
        return sparse.hstack([part(it, learnt, texts) for it in PARTS[form]]).tocsr()

    return {
        name: first.stored(answers(form, strength, taught, rows(learnt), rows(texts)))
        for name, texts in {"scores": asked, **its}.items()
    }


def at_random(who: str, form: str, strength: float, draw: int) -> dict[str, Any]:
    """The same test after 800 of all other reports, near-twins allowed."""
    asked = first.split("clean", 0)[2]
    others = np.setdiff1d(np.arange(len(first.table())), asked)
    taught = np.random.default_rng(draw).permutation(others)[:800]
    rows = known(form, taught)
    found = answers(form, strength, taught, rows[taught], rows[asked])
    abnormal = 100 * float(first.truth()[taught, 0].mean())
    return {**first.measures(found, asked), "abnormal": abnormal}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_words")
    before = lm.studies.load("06_applications/diagnosis")
    before = before[(before.who == "counts") & (before.way == "clean")]
    before = before[(before.which == "findings") & before.validation.notna()]

    def best(seed: int, n: int, draw: int) -> tuple[str, float]:
        """The form and penalty that are best on validation, the first study's among them."""
        old = before[(before.seed == seed) & (before.n == n) & (before.draw == draw)]
        found = {
            (it.form, float(it.strength)): float(it.validation) for it in old.itertuples()
        }
        for form in NEW:

            def score(strength: float, form: str = form) -> float:
                key = dict(form=form, seed=seed, n=n, draw=draw, strength=strength)
                value = float(study.row(tune, **key)["validation"])
                found[form, strength] = value
                return -value

            strengths[form] = lm.studies.best_inside(LADDER, [10.0], score)
        return max(found, key=found.__getitem__)

    strengths: dict[str, float] = {}
    for n, draws in {800: 1, 200: 5, 50: 5}.items():
        for draw in range(draws):
            form, strength = best(0, n, draw)
            print(n, draw, form, strength, flush=True)
            key = dict(seed=0, n=n, draw=draw)
            print(
                study.row(test, who="best", form=form, strength=strength, **key)[
                    "precision"
                ]
            )
            if n == 800:
                chosen, sparse_strength = (form, strength), strengths["denials, L1"]
                own_strength = strengths["own words"]
    for seed in (1, 2):
        form, strength = best(seed, 800, 0)
        study.row(test, who="best", form=form, strength=strength, seed=seed, n=800, draw=0)
    study.row(
        test,
        who="own words",
        form="own words",
        strength=own_strength,
        seed=0,
        n=800,
        draw=0,
    )
    study.row(spoken, who="rules", form="", strength=0.0)
    tuned = {
        it.form: float(it.strength)
        for it in before[(before.n == 800) & (before.seed == 0)].itertuples()
    }
    for who, form, strength in (
        ("marked words", "denials", tuned["denials"]),
        ("counts", "denials, letters", tuned["denials, letters"]),
        ("sparse", "denials, L1", sparse_strength),
        ("best", *chosen),
    ):
        study.row(spoken, who=who, form=form, strength=strength)
    for draw in range(2):
        study.row(
            at_random,
            who="counts",
            form="denials, letters",
            strength=tuned["denials, letters"],
            draw=draw,
        )
        study.row(at_random, who="best", form=chosen[0], strength=chosen[1], draw=draw)
    study.save()
