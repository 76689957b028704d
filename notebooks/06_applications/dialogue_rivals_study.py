"""Study of the chapter "Dialogue": retrieval, and SmolLM2 with right and wrong templates.

    make study NAME=06_applications/dialogue_rivals

One thread, about 10 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.dialogues import dialogues, words
from largemodels.objectives.preferences import answer_log_probs
from largemodels.text.generation import pad
from largemodels.text.writing import written_dialogue

N_CANDIDATES = 10
SPACES = ["words", "letters", "MiniLM"]  # of the vectors of texts
WAYS = ["the question", "known answers"]  # what a candidate is compared with
N_NEW = 24  # tokens of a reply
TERSE = "Answer in one or two words."
TEMPLATES = ["chat", "chat, terse", "plain", "bare"]
Pair = tuple[str, str]


@functools.cache
def pairs_of(part: str) -> list[Pair]:
    """Questions with answers of one part."""
    some = dialogues()
    some = some[some.part == part]
    return list(zip(some.question, some.answer, strict=True))


def candidates(part: str, seed: int = 0) -> list[list[str]]:
    """For each pair its answer and nine others; those of the study of fine-tuning."""
    pairs, generator = pairs_of(part), np.random.default_rng(seed)
    drawn = []
    for question, answer in pairs:
        own = {words(other) for asked, other in pairs if words(asked) == words(question)}
        others = sorted({other for _, other in pairs if words(other) not in own})
        some = generator.choice(len(others), N_CANDIDATES - 1, replace=False)
        drawn.append([answer, *(others[i] for i in some)])
    return drawn


@functools.cache
def space(name: str) -> Callable[[Sequence[str]], np.ndarray]:
    """Vectors of length 1, of texts."""
    if name == "MiniLM":
        encoder = lm.load_minilm()
        return lambda texts: encoder.embed(list(texts)).numpy()
    kinds = {
        "words": dict(token_pattern=r"\w+"),
        "letters": dict(analyzer="char_wb", ngram_range=(2, 4)),
    }
    vectoriser = TfidfVectorizer(sublinear_tf=True, **kinds[name])
    vectoriser.fit([text for pair in pairs_of("train") for text in pair])
    return lambda texts: vectoriser.transform(texts).toarray()


def retrieval(name: str, way: str, part: str) -> dict[str, Any]:
    """Which of ten answers the nearest vectors point to; replies of the nearest known question."""
    vectors, known, asked = space(name), pairs_of("train"), pairs_of(part)
    questions = vectors([question for question, _ in asked])
    near = questions @ vectors([question for question, _ in known]).T  # (asked, known)
    answers = vectors([answer for _, answer in known])
    found = []
    for row, some in enumerate(candidates(part)):
        them = vectors(some)
        if way == "the question":
            score = them @ questions[row]
        else:
            score = (near[row][:, None] * (answers @ them.T)).max(axis=0)
        found.append(bool(score.argmax() == 0 and score.max() > 0))
    replies = [known[i][1] for i in near.argmax(axis=1)]
    return {
        "found": found,
        "told": told(replies, part),
        "n_words": [len(it.split()) for it in replies],
    }


def told(replies: Sequence[str], part: str) -> list[bool]:
    """Whether the replies to questions on trivia hold the answer, word for word."""
    some = dialogues()
    some = some[some.part == part]
    return [
        f" {words(answer)} " in f" {words(reply)} "
        for topic, answer, reply in zip(some.topic, some.answer, replies, strict=True)
        if topic == "trivia"
    ]


@functools.cache
def smollm2() -> tuple[lm.GPT, lm.TransformersTokenizer]:
    """SmolLM2-135M-Instruct, rounded to 4 bits a number and widened to 32, and its tokenizer."""
    return lm.load_smollm2()


def asked_by(template: str, question: str) -> Tensor:
    """A question as SmolLM2 is to read it."""
    tokenizer = smollm2()[1]
    if template == "plain":
        return tokenizer.encode(f"Question: {question}\nAnswer:")
    if template == "bare":
        return tokenizer.encode(question)
    system = [{"role": "system", "content": TERSE}] if "terse" in template else []
    return written_dialogue(tokenizer, [*system, {"role": "user", "content": question}])


@torch.no_grad()
def gains(model: lm.GPT, prompt: Tensor, answers: list[Tensor]) -> Tensor:
    """Log-probabilities of answers after a prompt, which is read once: ``(answers,)``."""
    longest = max(map(len, answers))
    cache = model.new_cache(1, len(prompt) + longest)
    first = model.logits(model.hidden(prompt[None], None, cache)[:, -1:])
    cache.select(torch.zeros(len(answers), dtype=torch.int64))
    inputs = torch.zeros(len(answers), longest, dtype=torch.int64)
    targets = torch.full((len(answers), longest), -100)
    for row, answer in enumerate(answers):
        inputs[row, : len(answer)] = targets[row, : len(answer)] = answer
    logits = (
        model.logits(model.hidden(inputs[:, :-1], None, cache))
        if longest > 1
        else first[:, :0]
    )
    whole = torch.cat(
        [first.expand(len(answers), -1, -1), logits.expand(len(answers), -1, -1)], dim=1
    )
    return answer_log_probs(whole, targets)


def smollm2_found(template: str) -> dict[str, Any]:
    """Whether the right one of ten answers gains most from the question."""
    (model, tokenizer), end = smollm2(), torch.tensor([smollm2()[1].end_of_text])
    space = " " if template in ("plain", "bare") else ""

    def encoded(answers: list[str]) -> list[Tensor]:
        return [torch.cat([tokenizer.encode(space + it), end]) for it in answers]

    every = sorted({answer for _, answer in pairs_of("test")}, key=len)
    unasked: dict[str, float] = {}
    for first in range(0, len(every), 16):
        some = every[first : first + 16]
        gained = gains(model, asked_by(template, ""), encoded(some)).tolist()
        unasked |= dict(zip(some, gained, strict=True))
    found = []
    for (question, _), some in zip(pairs_of("test"), candidates("test"), strict=True):
        gain = gains(model, asked_by(template, question), encoded(some))
        found.append(
            (gain - torch.tensor([unasked[it] for it in some])).argmax().item() == 0
        )
    return {"found": found}


def replies(
    model: Any, template: str, questions: Sequence[str]
) -> tuple[list[str], list[bool]]:
    """Likeliest replies, and whether each came to an end."""
    tokenizer, found, ended = smollm2()[1], [], []
    for first in range(0, len(questions), 32):
        tokens, mask = pad([asked_by(template, it) for it in questions[first : first + 32]])
        texts = lm.generate(
            model, tokens, N_NEW, temperature=0, mask=mask, end_token=tokenizer.end_of_text
        )[:, tokens.shape[1] :].tolist()
        for text in texts:
            ended.append(tokenizer.end_of_text in text)
            text = text[: text.index(tokenizer.end_of_text)] if ended[-1] else text
            found.append(" ".join(tokenizer.decode(text).split()))
    return found, ended


def trivia() -> list[Pair]:
    """Every second question on trivia, of all parts: SmolLM2 learns none of them here."""
    some = dialogues()
    some = some[some.topic == "trivia"][::2]
    return list(zip(some.question, some.answer, strict=True))


def quizzed(model: Any, template: str) -> dict[str, Any]:
    """Form and content of the replies to questions on trivia."""
    texts, ended = replies(model, template, [question for question, _ in trivia()])
    return {
        "told": [
            f" {words(answer)} " in f" {words(text)} "
            for (_, answer), text in zip(trivia(), texts, strict=True)
        ],
        "ends": float(np.mean(ended)),
        "n_words": [len(text.split()) for text in texts],
        "texts": texts[:3],
    }


def smollm2_replies(template: str) -> dict[str, Any]:
    """What SmolLM2 as released replies in one of the templates."""
    return quizzed(smollm2()[0], template)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_rivals")
    tried = {
        (name, way): np.mean(
            study.row(retrieval, name=name, way=way, part="validation")["found"]
        )
        for name in SPACES
        for way in WAYS
    }
    for name in SPACES:
        way = max(WAYS, key=lambda way: tried[name, way])
        study.row(retrieval, name=name, way=way, part="test")
    for template in TEMPLATES:
        study.row(smollm2_replies, template=template)
    study.row(smollm2_found, template="chat")
    study.save()
