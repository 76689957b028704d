"""Other domains, and words taken away: the second study of "Evaluation".

    make study NAME=07_challenges/evaluation_axes

One thread, about two minutes, after the first study. Both classifiers of film sentences answer
about sentences of three other kinds, and about film sentences without one of their words.
"""

from __future__ import annotations

from typing import Any

import evaluation_study as first
import numpy as np
import torch
from torch import Tensor

import largemodels as lm

N_OTHER, N_EXPLAINED = 120, 60
ASKED = {
    "question": "positive first",
    "field": "bare",
    "cue": "sentiment",
}  # chosen on validation sentences
COUNTED = {"features": "words, pieces, lexicon", "penalty": 31.6}


def elsewhere(
    kind: str, question: str, field: str, cue: str, features: str, penalty: float
) -> dict[str, Any]:
    """One row: both classifiers on test sentences of another kind, and what is right."""
    its = first.sentences(kind, "test", N_OTHER)
    texts = list(its.text)
    return {
        "asked": first.packed(first.said((question, field, cue), texts)),
        "counted": first.packed(first.counted(texts, features, penalty)),
        "positive": "".join(str(int(it)) for it in its.positive),
    }


def deleted(
    question: str, field: str, cue: str, features: str, penalty: float
) -> dict[str, Any]:
    """One row: what both say of test sentences, whole and without one word.

    The word is the one that the language model's gradient points at, the one that the rival's own
    answer changes most without, or a random one.
    """
    wording, test = (
        (question, field, cue),
        list(first.sentences("film", "test", N_EXPLAINED).text),
    )
    chance, texts = np.random.default_rng(0), {"whole": test}
    texts["by gradient"] = [without(it, pointed(wording, it)) for it in test]
    texts["random"] = [without(it, int(chance.integers(len(it.split())))) for it in test]
    texts["by counts"] = []
    for it in test:
        less = [without(it, n) for n in range(len(it.split()))]
        change = first.counted(less, features, penalty) - first.counted(
            [it], features, penalty
        )
        texts["by counts"].append(less[int(np.abs(change).argmax())])
    row = {}
    for name, its in texts.items():
        row[f"asked, {name}"] = first.packed(first.said(wording, its))
        row[f"counted, {name}"] = first.packed(first.counted(its, features, penalty))
    return row


def without(text: str, place: int) -> str:
    """A text without one of its words."""
    its = text.split()
    return " ".join(its[:place] + its[place + 1 :]) or "N/A"


def pointed(wording: tuple[str, str, str], text: str) -> int:
    """The word whose embeddings times the answer's gradient is largest."""
    model, tokenizer = first.smollm2()
    front = first.QUESTIONS[wording[0]] + first.FIELDS[wording[1]]
    pieces = [tokenizer.encode(front)] if front.strip() else []
    n_before = len(pieces)
    for place, it in enumerate(text.split()):
        glued = it if not place else " " + it
        pieces.append(tokenizer.encode(glued))
    pieces.append(tokenizer.encode(first.CUES[wording[2]]))
    tokens = torch.cat(pieces)
    seen: list[Tensor] = []

    def watch(module: Any, inputs: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[0]

    hook = model.token_embedding.register_forward_hook(watch)
    two = [int(tokenizer.encode(it)[0]) for it in first.ANSWERS]
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
        last = model.hidden(tokens[None])[:, -1]
    hook.remove()
    logits = model.logits(last.float())[0]
    (slope,) = torch.autograd.grad(logits[two[0]] - logits[two[1]], seen[0])
    each = (slope * seen[0])[0].sum(-1).split([len(it) for it in pieces])
    return int(np.argmax([abs(float(it.detach().sum())) for it in each[n_before:-1]]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/evaluation_axes")
    for kind in ("product", "news", "tweet"):
        study.row(elsewhere, kind=kind, **ASKED, **COUNTED)
    study.row(deleted, **ASKED, **COUNTED)
    study.save()
