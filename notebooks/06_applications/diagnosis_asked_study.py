"""Fourth study of "Diagnosis": a language model is asked about a report, without training.

    make study NAME=06_applications/diagnosis_asked

One thread, two minutes. SmolLM2-135M-Instruct (4 bits a weight, computed in bfloat16)
reads a report and a question, and what it finds likelier next, "Yes" or "No", is its answer.
Plainly, in its own template for a chat, or after four answered examples: which of the three is
chosen on 16 validation reports, half of them with the answer yes. The test is 30 reports with yes
and 30 with no, drawn from the test of the first study, for each of two questions.
"""

from __future__ import annotations

import functools
from typing import Any

import diagnosis_study as first
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

import largemodels as lm
from largemodels.book.studies import Study

ASKED = {
    "abnormal": "Does this report say that something is abnormal?",
    "effusion": "Does this report say that there is a pleural effusion?",
}
FORMS = ("plain", "chat", "examples")


@functools.cache
def model() -> Any:
    """SmolLM2 and its tokenizer."""
    return lm.load_smollm2()


def some(question: str, use: str, each: int) -> np.ndarray:
    """Numbers of reports, half of them with yes."""
    train, validation, test = first.split("clean", 0)
    rows = {"train": train, "validation": validation, "test": test}[use]
    right = first.truth()[rows, first.QUESTIONS.index(question)]
    return np.concatenate([rows[right][:each], rows[~right][:each]])


def prompt(question: str, form: str, report: str) -> str:
    """What the model reads before its answer."""
    text = f"Report: {report}\nQuestion: {ASKED[question]}"
    if form == "examples":
        yes, no = np.split(some(question, "train", 2), 2)
        shown = [(yes[0], " Yes"), (no[0], " No"), (no[1], " No"), (yes[1], " Yes")]
        its = [
            prompt(question, "plain", first.texts("findings")[it]) + said
            for it, said in shown
        ]
        return "\n\n".join([*its, f"{text}\nAnswer:"])
    if form == "chat":
        turns = [{"role": "user", "content": f"{text} Answer Yes or No."}]
        begun: str = model()[1].inner.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        return begun + "Answer:"
    return f"{text}\nAnswer:"


@torch.no_grad()
def answer(question: str, form: str, number: int) -> float:
    """Log odds of yes against no."""
    network, tokenizer = model()
    text = prompt(question, form, first.texts("findings")[number])
    tokens = torch.tensor(tokenizer.inner.encode(text, add_special_tokens=False))[None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = network.hidden(tokens)[:, -1]
    yes, no = (
        tokenizer.inner.encode(it, add_special_tokens=False)[0] for it in (" Yes", " No")
    )
    logits = network.logits(hidden.float())[0]
    return float(logits[yes] - logits[no])


def tune(question: str, form: str) -> dict[str, Any]:
    """AUC on 16 validation reports."""
    asked = some(question, "validation", 8)
    said = [answer(question, form, it) for it in asked]
    return {"validation": 100 * float(roc_auc_score(np.arange(16) < 8, said))}


def test(question: str, form: str, who: str) -> dict[str, Any]:
    """60 test reports, the first half with yes."""
    asked = some(question, "test", 30)
    said = [answer(question, form, it) for it in asked]
    return {
        "auc": 100 * float(roc_auc_score(np.arange(len(asked)) < 30, said)),
        "scores": " ".join(str(round(100 * it)) for it in said),
        "yes": 100 * float(np.mean(np.array(said) > 0)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_asked")
    for question in ASKED:
        tried = {
            it: study.row(tune, question=question, form=it)["validation"] for it in FORMS
        }
        study.row(
            test, question=question, form=max(tried, key=tried.__getitem__), who="asked"
        )
    study.save()
