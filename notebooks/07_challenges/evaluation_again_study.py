"""Every word taken away in turn, and the judge without rounding: the fourth study of "Evaluation".

    make study NAME=07_challenges/evaluation_again

One thread, about four minutes, after the other studies. The language model answers about film
sentences without each of their words, so that it and the rival are explained in the same way. The
judge answers again in single precision, as what its verdicts hang on is small.
"""

from __future__ import annotations

from typing import Any

import evaluation_axes_study as axes
import evaluation_judge_study as judging
import evaluation_study as first
import numpy as np
import torch

import largemodels as lm
from largemodels.text.writing import written_dialogue


def occluded(question: str, field: str, cue: str) -> dict[str, Any]:
    """One row: SmolLM2's answers without the word whose removal moves its score most."""
    wording = (question, field, cue)
    test = list(first.sentences("film", "test", axes.N_EXPLAINED).text)
    less = [[axes.without(it, n) for n in range(len(it.split()))] for it in test]
    whole = first.said(wording, test)
    rest = first.said(wording, [it for its in less for it in its])
    found, places = [], []
    for before, its in zip(whole, rest.split([len(its) for its in less]), strict=True):
        places.append(int((its - before).abs().argmax()))
        found.append(float(its[places[-1]]))
    same = [axes.pointed(wording, it) == at for it, at in zip(test, places, strict=True)]
    return {
        "asked, whole": first.packed(whole),
        "asked, by occlusion": first.packed(np.array(found)),
        "gradient's word": sum(same),
        "texts": len(rest),
    }


def judged(judge: str) -> dict[str, Any]:
    """One row: by how many nats the first is likelier, the right one first and second."""
    model, tokenizer = first.smollm2()
    before, a, b, question = judging.JUDGES[judge]
    glue = " " if judge == "letters" else ""
    two = [int(tokenizer.encode(glue + it[0])[0]) for it in (a, b)]
    row = {}
    for name, order in (("right_first", 1), ("right_second", -1)):
        prompts = []
        for it in judging.articles().iloc[: judging.N_JUDGED].itertuples():
            one, other = it.choices[:2][::order]
            text = f"{before}{it.opening}\n\n{a}{one}\n{b}{other}\n\n{question}"
            if judge == "chat":
                turns = [{"role": "user", "content": text}]
                prompts.append(written_dialogue(tokenizer, turns))
            else:
                prompts.append(tokenizer.encode(text + (" " if judge == "numbers" else "")))
        logs = lm.next_log_probs(model, prompts, two)
        row[name] = " ".join(f"{float(it):.5f}" for it in logs[:, 0] - logs[:, 1])
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/evaluation_again")
    study.row(occluded, **axes.ASKED)
    for judge in judging.JUDGES:
        study.row(judged, judge=judge)
    study.save()
