"""Study of "Diagnosis": counted words, rules and a frozen encoder find what radiology reports say.

    make study NAME=06_applications/diagnosis

One thread, six minutes. Six questions are asked of the findings of a report: is it abnormal,
and has it the headings cardiomegaly, opacity, atelectasis, effusion, nodule? A test of 1,000
reports is drawn of which no two are near-twins and none has a near-twin among the others; 800 of
those are for training, the rest for validation. Counted words and the frozen MiniLM have 32 trials
each, judged by the mean average precision of the six questions on the validation reports. Three
draws of the test; and, for comparison, a split drawn at random, as if no report repeated another.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.radiology import has_heading, without_twins
from largemodels.text.negation import affirmed, with_denials

HEADINGS = {
    "cardiomegaly": "Cardiomegaly", "opacity": "Opacity", "atelectasis": "Pulmonary Atelectasis",
    "effusion": "Pleural Effusion", "nodule": "Nodule",
}  # fmt: skip
QUESTIONS = ("abnormal", *HEADINGS)
RULES = {
    "cardiomegaly": r"cardiomegaly|(?:heart|cardiac|cardiomediastinal)(?: \w+){0,5} "
    r"(?:enlarged|large|prominent|borderline|enlargement)|"
    r"enlarge\w*(?: \w+){0,3} (?:heart|cardiac|cardiomediastinal)",
    "opacity": r"opacit\w+|opacif\w+|(?:airspace|air space) disease|infiltrate\w*|densit\w+",
    "atelectasis": r"atelecta\w+|collapse\w*",
    "effusion": r"(?:pleural )?effusion\w*|pleural fluid|"
    r"blunt\w+(?: \w+){0,4} (?:costophrenic|angle)|costophrenic(?: \w+){0,4} blunt\w+",
    "nodule": r"nodul\w+|mass\b|masslike",
}  # fmt: skip
OTHER = (
    r"granuloma\w*|calcif\w+|degenerative|tortuous|ectatic|fracture\w*|deformit\w+|scoliosis|"
    r"kyphosis|scar\w*|fibrosis|thicken\w+|emphysem\w*|hyperinflat\w+|hyperexpan\w+|"
    r"hypoinflat\w+|low lung volumes|low volumes|catheter|pacemaker|sternotomy|clips|hernia|edema|"
    r"congest\w+|pneumonia|pneumothorax|consolidation|spondylosis|osteophyt\w+|elevat\w+|"
    r"eventration|prosthesis|stent|tube|hardware"
)
STRENGTHS = [10.0**it for it in (-2, -1, 0, 1, 2, 3, 4, 5)]  # C: less is more penalty
SIZES = {50: 5, 200: 5, 800: 1}  # labelled reports, and how many draws of them
LONGEST = 200  # word pieces of a report read


@functools.cache
def table() -> Any:
    """The reports, read once."""
    return lm.radiology_reports()


@functools.cache
def truth() -> np.ndarray:
    """What the headings say, ``(n, 6)``."""
    normal = np.array([its == ("normal",) for its in table().headings])
    return np.stack(
        [~normal, *(has_heading(table(), it) for it in HEADINGS.values())], axis=1
    )


@functools.cache
def split(way: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the reports for training (800), validation and test (1,000)."""
    if way == "random":
        order = np.random.default_rng(seed).permutation(len(table()))
        test, rest = order[:1_000], order[1_000 : 1_000 + 1_131]
    else:
        test, rest = without_twins(list(table().findings), 1_000, seed)
    return rest[:800], rest[800:], test


def labelled(way: str, seed: int, n: int, draw: int) -> np.ndarray:
    """A draw of training reports."""
    train = split(way, seed)[0]
    return np.random.default_rng(draw).permutation(train)[:n]


@functools.cache
def texts(which: str) -> list[str]:
    """The findings, or findings and impression."""
    if which == "findings":
        return list(table().findings)
    return list(table().findings + " " + table().impression)


@functools.cache
@torch.no_grad()
def pooled(which: str) -> np.ndarray:
    """Mean and largest of MiniLM's hidden states of all reports, ``(n, 768)``."""
    encoder = lm.load_minilm()
    encoder.tokenizer.enable_truncation(LONGEST)
    its = texts(which)
    order, found = np.argsort([len(it) for it in its]), np.zeros((len(its), 768))
    for some in np.array_split(order, len(order) // 50):
        tokens, mask = encoder.batch([its[it] for it in some])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = encoder.model(tokens, mask).float()
        real = mask.unsqueeze(-1)
        mean = torch.nn.functional.normalize((hidden * real).sum(1) / real.sum(1), dim=1)
        top = hidden.masked_fill(~real, -torch.inf).max(1).values
        found[some] = torch.cat(
            [mean, torch.nn.functional.normalize(top, dim=1)], 1
        ).numpy()
    return found


@functools.cache
def by_sentence(which: str) -> np.ndarray:
    """Mean and largest of MiniLM's vectors of the sentences of all reports, ``(n, 768)``."""
    parts = [[it for it in re.split(r"(?<=[.!?]) +", text) if it] for text in texts(which)]
    known = list(dict.fromkeys(it for its in parts for it in its))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = lm.load_minilm().embed(known).float().numpy()
    place = {it: row for row, it in enumerate(known)}
    each = [vectors[[place[it] for it in its]] for its in parts]
    return np.stack([np.concatenate([it.mean(0), it.max(0)]) for it in each])


def weigher(form: str) -> TfidfVectorizer:
    """Counts of words and pairs of words, with denied ones marked or not, or of runs of letters."""
    return TfidfVectorizer(
        analyzer="char_wb" if form == "letters" else "word", sublinear_tf=True,
        ngram_range=(2, 5) if form == "letters" else (1, 2),
        preprocessor=with_denials if form == "denials" else None,
    )  # fmt: skip


def features(form: str, which: str, taught: np.ndarray) -> Any:
    """All reports as rows of numbers; words are weighed by the reports that are learnt from."""
    if form == "sentences":
        return by_sentence(which)
    if form in ("mean", "largest", "mean and largest"):
        parts = {"mean": slice(0, 384), "largest": slice(384, 768)}
        return pooled(which)[:, parts.get(form, slice(0, 768))]
    if form in COMBINED:
        return sparse.hstack(
            [sparse.csr_matrix(features(it, which, taught)) for it in COMBINED[form]]
        ).tocsr()
    weigh = weigher(form).fit([texts(which)[it] for it in taught])
    return weigh.transform(texts(which))


COMBINED = {
    "denials, letters": ("denials", "letters"),
    "denials, letters, mean": ("denials", "letters", "mean"),
}
FORMS = {
    "counts": ("words", "denials", "letters", "denials, letters"),
    "frozen": ("mean", "largest", "mean and largest", "sentences"),
    "together": ("denials, letters, mean",),
}


def answers(
    known: Any, taught: np.ndarray, asked: np.ndarray, strength: float
) -> np.ndarray:
    """Log odds of the six questions, ``(n, 6)``, by one logistic regression each."""
    found = np.zeros((len(asked), len(QUESTIONS)))
    for it, right in enumerate(truth()[taught].T):
        if right.any() and not right.all():
            model = LogisticRegression(C=strength, max_iter=2_000)
            found[:, it] = model.fit(known[taught], right).decision_function(known[asked])
    return found


def measures(found: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Mean average precision and mean AUC of the six questions, in per cent."""
    pairs = list(zip(truth()[asked].T, found.T, strict=True))
    return {
        "precision": 100 * float(np.mean([average_precision_score(*it) for it in pairs])),
        "auc": 100 * float(np.mean([roc_auc_score(*it) for it in pairs])),
    }


def stored(found: np.ndarray) -> str:
    """Log odds as whole hundredths, question by question."""
    return "|".join(" ".join(str(round(100 * it)) for it in column) for column in found.T)


def tune(
    who: str, form: str, way: str, seed: int, n: int, draw: int, which: str
) -> dict[str, Any]:
    """The best penalty for a form, by the validation reports."""
    taught, asked = labelled(way, seed, n, draw), split(way, seed)[1]
    known = features(form, which, taught)
    tried = [
        measures(answers(known, taught, asked, it), asked)["precision"] for it in STRENGTHS
    ]
    best = int(np.argmax(tried))
    return {
        "validation": tried[best], "strength": STRENGTHS[best],
        "tried": " ".join(f"{it:.2f}" for it in tried),
    }  # fmt: skip


def test(
    who: str, form: str, strength: float, way: str, seed: int, n: int, draw: int, which: str
) -> dict[str, Any]:
    """The chosen trial on the test reports."""
    taught, asked = labelled(way, seed, n, draw), split(way, seed)[2]
    found = answers(features(form, which, taught), taught, asked, strength)
    row: dict[str, Any] = {"by": "test", **measures(found, asked)}
    if n == 800:
        row["scores"] = stored(found)
    return row


def ruled(way: str, seed: int) -> dict[str, Any]:
    """How often the rules find each thing affirmed in the test reports."""
    asked = split(way, seed)[2]
    counts = np.array(
        [
            [affirmed(texts("findings")[it], rule) for rule in (*RULES.values(), OTHER)]
            for it in asked
        ]
    )
    found = np.concatenate([counts.sum(1, keepdims=True), counts[:, :-1]], axis=1).astype(
        float
    )
    return {"who": "rules", **measures(found, asked), "scores": stored(found)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis")

    def compare(who: str, **key: Any) -> None:
        """All trials, then the best one on the test."""
        tried = {it: study.row(tune, who=who, form=it, **key) for it in FORMS[who]}
        form = max(tried, key=lambda it: tried[it]["validation"])
        study.row(test, who=who, form=form, strength=tried[form]["strength"], **key)

    for seed in range(3):
        study.row(ruled, way="clean", seed=seed)
        for who in ("counts", "frozen", "together"):
            compare(who, way="clean", seed=seed, n=800, draw=0, which="findings")
    for n, draws in list(SIZES.items())[:2]:
        for draw in range(draws):
            for who in ("counts", "frozen"):
                compare(who, way="clean", seed=0, n=n, draw=draw, which="findings")
    for who in ("counts", "frozen"):
        compare(who, way="random", seed=0, n=800, draw=0, which="findings")
        compare(who, way="clean", seed=0, n=800, draw=0, which="findings and impression")
    study.row(ruled, way="random", seed=0)
    study.save()
