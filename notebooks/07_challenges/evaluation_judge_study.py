"""Descriptions of articles, chosen by likelihood and by a judge: the third study of "Evaluation".

    make study NAME=07_challenges/evaluation_judge

One thread, about three minutes. SmolLM2-135M-Instruct (4 bits a weight, computed in bfloat16) reads
the opening of a Wikipedia article and four short descriptions, its own by Wikidata's volunteers and
those of three other articles of its topic. In some rows it says how likely each description is,
after the opening and alone. In others it judges the right one against the first wrong one, in both
orders.
"""

from __future__ import annotations

import functools
from typing import Any

import evaluation_study as first
import numpy as np
import pandas as pd
import torch

import largemodels as lm
from largemodels.data.text import wikipedia_articles
from largemodels.text.retrieval import words
from largemodels.text.writing import written_dialogue

N_ARTICLES, N_JUDGED, N_TEXT = (
    100,
    60,
    25,
)  # articles, pairs that are judged, words of an opening
JUDGES = {  # what stands between opening and pair, the two names, and what stands after
    "letters": (
        "",
        "A: ",
        "B: ",
        "Which description fits the text better, A or B? Answer:",
    ),
    "numbers": (
        "",
        "1: ",
        "2: ",
        "Which description fits the text better, 1 or 2? Answer:",
    ),
    "chat": (
        "Text: ",
        "A: ",
        "B: ",
        "Which description fits the text better? Answer with A or B.",
    ),
}


@functools.cache
def articles() -> pd.DataFrame:
    """Articles with their description and three others, of articles of the same topic."""
    table = wikipedia_articles().drop_duplicates("description")
    table = table[table.description.str.len().between(8, 60)]
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    table["opening"] = [" ".join(it.split()[:N_TEXT]) for it in table.text]
    chance, rows = np.random.default_rng(0), []
    for row in range(N_ARTICLES):
        same = table.index[(table.topic == table.topic[row]) & (table.index != row)]
        rows.append([row, *chance.choice(same, 3, replace=False)])
    few = table.iloc[:N_ARTICLES]
    return few.assign(choices=[[table.description[n] for n in its] for its in rows])


def described(start: int, stop: int) -> dict[str, Any]:
    """One row: log-probabilities of four descriptions of some articles, the right one first."""
    model, tokenizer = first.smollm2()
    few = articles().iloc[start:stop]
    ends = [tokenizer.encode(" " + it) for its in few.choices for it in its]
    fronts = [tokenizer.encode(f"{it}\n\nDescription:") for it in few.opening]
    repeated = [it for it in fronts for _ in range(4)]
    bare = [tokenizer.encode("Description:")] * len(ends)
    after = lm.log_likelihoods(model, repeated, ends, bfloat16=True)
    alone = lm.log_likelihoods(model, bare, ends, bfloat16=True)
    return {
        "after": first.packed(after / 8),  # eighths, as some are below -32
        "alone": first.packed(alone / 8),
        "tokens": " ".join(str(len(it)) for it in ends),
        "bytes": " ".join(str(len(it.encode())) for its in few.choices for it in its),
        "overlap": first.packed(np.array(overlap()[start:stop]).ravel()),
    }


def judged(judge: str) -> dict[str, Any]:
    """One row: how much likelier the first is than the second, the right one first and second."""
    model, tokenizer = first.smollm2()
    before, a, b, question = JUDGES[judge]
    chat, found = judge == "chat", {}
    two = [int(tokenizer.encode(("" if chat else " ") + it[0])[0]) for it in (a, b)]
    if a == "1: ":  # digits stand alone, after a blank
        two = [int(tokenizer.encode(it[0])[0]) for it in (a, b)]
    for name, order in (("right_first", 1), ("right_second", -1)):
        prompts = []
        for it in articles().iloc[:N_JUDGED].itertuples():
            one, other = it.choices[:2][::order]
            text = f"{before}{it.opening}\n\n{a}{one}\n{b}{other}\n\n{question}"
            if chat:
                prompts.append(
                    written_dialogue(tokenizer, [{"role": "user", "content": text}])
                )
            else:
                prompts.append(tokenizer.encode(text + (" " if a == "1: " else "")))
        logs = lm.next_log_probs(model, prompts, two, bfloat16=True)
        found[name] = first.packed(logs[:, 0] - logs[:, 1])
    return found


def overlap() -> list[list[float]]:
    """Of each description, the share of its words, rare ones weighing more, in the opening."""
    few, found = articles(), []
    n = pd.Series([it for text in few.opening for it in set(words(text))]).value_counts()
    for it in few.itertuples():
        there = set(words(it.opening))
        for text in it.choices:
            rare = {
                w: float(np.log(1 + N_ARTICLES / (1 + n.get(w, 0))))
                for w in set(words(text))
            }
            share = sum(v for w, v in rare.items() if w in there) / sum(rare.values())
            found.append(share)
    return [found[at : at + 4] for at in range(0, len(found), 4)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/evaluation_judge")
    for judge in JUDGES:
        study.row(judged, judge=judge)
    for start in range(0, N_ARTICLES, 50):
        study.row(described, start=start, stop=start + 50)
    study.save()
