"""Third study of the chapter "Question answering": what SmolLM2 replies, with and without passages.

    make study NAME=06_applications/question_answering_replies

One thread, about 8 minutes, after question_answering. SmolLM2-135M-Instruct (rounded to 4 bits a
number, computed in bfloat16) answers the questions to 100 test facts, greedily, in at most 20
tokens: without a passage, with the right one, with the best wrong one (which the search finds
first, or would find if the right one were not in the corpus), and with a planted one; further 40
questions that the passage does not answer, and those written by hand with the right passage. One
of three prompts is chosen on development questions. A row is a batch of replies.
"""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import question_answering_study as search
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data.asked import asked_by_hand
from largemodels.data.questions import unstated
from largemodels.data.text import wikipedia_articles
from largemodels.text.answers import holds
from largemodels.text.generation import generate, pad
from largemodels.text.retrieval import reciprocal_rank_fusion
from largemodels.text.writing import written_dialogue

FACTS, UNSTATED, TUNING, BATCH, NEW, LONGEST = 100, 40, 15, 10, 20, 1200
K1, B, K = 0.9, 0.4, 0.0  # chosen by the study of the search
ASK = (
    "Answer the question with a few words from the passage. "
    "If the passage does not answer it, write: not stated."
)
CLOSED = (
    "Answer the question with a few words. If you do not know the answer, write: unknown."
)
ELBE = (
    "Elbe. The Elbe is a river in Central Europe. It rises in the Giant Mountains and flows into "
    "the North Sea at Cuxhaven.",
    "Where does the water of the river in Central Europe end up?",
    "the North Sea",
)
HAMLET = "Hamlet. Hamlet is a tragedy. It was written between 1599 and 1601."
EXAMPLES = {
    "asked": [],
    "examples": [ELBE, (HAMLET, "Who directed the tragedy?", "not stated")],
    "answered": [ELBE, (HAMLET, "In what year was the start of the tragedy?", "1599")],
}


@functools.cache
def smollm2() -> Any:
    """The model and its tokenizer."""
    model, tokenizer = lm.load_smollm2()
    return model.to(torch.bfloat16), tokenizer


@functools.cache
def texts() -> list[str]:
    """All passages, cut to the length that the model reads."""
    return [text[:LONGEST] for text in search.passages()]


def dialogue(question: str, passage: str | None, prompt: str) -> list[dict[str, str]]:
    """The messages of a question; without a passage, the model answers from memory."""
    if passage is None:
        return [
            {"role": "system", "content": CLOSED},
            {"role": "user", "content": question},
        ]
    messages = [{"role": "system", "content": ASK}]
    for text, asked, answer in EXAMPLES[prompt]:
        messages.append(
            {"role": "user", "content": f"Passage: {text}\n\nQuestion: {asked}"}
        )
        messages.append({"role": "assistant", "content": answer})
    last = f"Passage: {passage}\n\nQuestion: {question}"
    return [*messages, {"role": "user", "content": last}]


def replies(asked: list[tuple[str, str | None]], prompt: str) -> list[str]:
    """Greedy replies to a batch of questions and passages."""
    model, tokenizer = smollm2()
    rows = [written_dialogue(tokenizer, dialogue(*it, prompt)) for it in asked]
    tokens, mask = pad(rows)
    end = tokenizer.end_of_text
    out = generate(model, tokens, NEW, temperature=0, mask=mask, end_token=end)
    return [tokenizer.decode(row[row != end]).strip() for row in out[:, tokens.shape[1] :]]


@functools.cache
def asked(part: str, form: str, n: int = FACTS) -> pd.DataFrame:
    """The first facts of a part, in one form."""
    its = search.questions(part)
    return its[its.form == form].head(n).reset_index(drop=True)


@functools.cache
def wrong_passages(form: str) -> Tensor:
    """For each question the article that the search ranks first when the right one is left out."""
    questions = search.questions("test")
    both = [search.words("test", K1, B), search.meaning("test")]
    scores = reciprocal_rank_fusion(both, K)[
        torch.tensor((questions.form == form).to_numpy())
    ]
    its = asked("test", form)
    scores = scores[: len(its)].clone()
    scores[torch.arange(len(its)), torch.tensor(its.article.to_numpy())] = -1
    return scores.argmax(dim=1)


def planted(form: str) -> list[tuple[str, str]]:
    """A false passage for each question, and its answer: that of the next fact of the same kind."""
    its, made = asked("test", form), []
    for row in its.itertuples():
        others = its[(its.relation == row.relation) & (its.answer != row.answer)]
        if others.empty:
            others = its[(its.kind == row.kind) & (its.answer != row.answer)]
        after = others[others.index > row.Index]
        false = (after if len(after) else others).answer.iloc[0]
        sentence = row.sentence.replace(row.answer, false)
        made.append((f"{row.question} {sentence}", str(false)))
    return made


@functools.cache
def cases(condition: str) -> list[tuple[str, str | None]]:
    """Questions and passages of a condition."""
    what, _, form = condition.partition(" ")
    if what == "unstated":
        named = asked("test", "named")
        its = unstated(named, wikipedia_articles()).head(UNSTATED)
        return [(q, texts()[i]) for q, i in zip(its.question, its.article, strict=True)]
    if what == "tuning":
        its = pd.concat([asked("development", it, TUNING) for it in ("named", "reworded")])
        return [(q, texts()[i]) for q, i in zip(its.question, its.article, strict=True)]
    if what == "hand":
        its = asked_by_hand()
        return [(q, texts()[i]) for q, i in zip(its.question, its.article, strict=True)]
    its = asked("test", form)
    passages: dict[str, Any] = {
        "closed": lambda: [None] * len(its),
        "right": lambda: [texts()[i] for i in its.article],
        "wrong": lambda: [texts()[i] for i in wrong_passages(form).tolist()],
        "planted": lambda: [text for text, _ in planted(form)],
    }
    return list(zip(its.question, passages[what](), strict=True))


def batches(condition: str) -> list[list[int]]:
    """Numbers of the cases, those of similar length together."""
    its = cases(condition)
    order = sorted(range(len(its)), key=lambda i: len(its[i][1] or ""))
    return [order[i : i + BATCH] for i in range(0, len(order), BATCH)]


def reply(condition: str, prompt: str, batch: int) -> dict[str, Any]:
    """A batch of replies."""
    numbers = batches(condition)[batch]
    return {
        "numbers": numbers,
        "replies": replies([cases(condition)[it] for it in numbers], prompt),
    }


def chosen() -> str:
    """The prompt with which the most replies to development questions hold the answer."""
    its = pd.concat([asked("development", it, TUNING) for it in ("named", "reworded")])
    right: dict[str, int] = {}
    for prompt in EXAMPLES:
        right[prompt] = 0
        for batch in range(len(batches("tuning"))):
            row = study.row(reply, condition="tuning", prompt=prompt, batch=batch)
            for i, text in zip(row["numbers"], row["replies"], strict=True):
                right[prompt] += holds(text, its.answer.iloc[i])
    print(right)
    return max(right, key=right.__getitem__)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/question_answering_replies")
    prompt = chosen()
    for condition in (
        "right reworded", "wrong reworded", "right named", "closed named", "planted reworded",
        "hand", "unstated",
    ):  # fmt: skip
        for batch in range(len(batches(condition))):
            study.row(reply, condition=condition, prompt=prompt, batch=batch)
    study.save()
