"""Fourth study of the chapter "Question answering": two controls of what SmolLM2 replies.

    make study NAME=06_applications/question_answering_checks

One thread, about 4 minutes, after question_answering_replies. First, the planted passages of 50
reworded questions with the true answer in them, not a false one: how many replies hold it? Second,
the prompt with one example of a refusal, on the 40 questions that their passage does not answer and
on 50 reworded ones with the right and with a wrong passage. A row is a batch of replies.
"""

from __future__ import annotations

from typing import Any

import question_answering_replies_study as replies
import torch

import largemodels as lm

FACTS = 50


def cases(condition: str) -> list[tuple[str, str | None]]:
    """Questions and passages of a condition."""
    if condition == "planted truth":
        its = replies.asked("test", "reworded").head(FACTS)
        return [(q, f"{q} {s}") for q, s in zip(its.question, its.sentence, strict=True)]
    return replies.cases(condition)[:FACTS]


def batches(condition: str) -> list[list[int]]:
    """Numbers of the cases, those of similar length together."""
    its, n = cases(condition), replies.BATCH
    order = sorted(range(len(its)), key=lambda i: len(its[i][1] or ""))
    return [order[i : i + n] for i in range(0, len(order), n)]


def reply(condition: str, prompt: str, batch: int) -> dict[str, Any]:
    """A batch of replies."""
    numbers = batches(condition)[batch]
    asked = [cases(condition)[it] for it in numbers]
    return {"numbers": numbers, "replies": replies.replies(asked, prompt)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/question_answering_checks")
    for condition, prompt in (
        ("unstated", "examples"),
        ("planted truth", "answered"),
        ("right reworded", "examples"),
        ("wrong reworded", "examples"),
    ):
        for batch in range(len(batches(condition))):
            study.row(reply, condition=condition, prompt=prompt, batch=batch)
    study.save()
