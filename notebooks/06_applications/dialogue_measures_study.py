"""Study of the chapter "Dialogue": other ways to measure, smaller steps of DPO, replies cut short.

    make study NAME=06_applications/dialogue_measures

One thread, about 11 minutes. An interrupted study goes on where it stopped.

Three questions: what do own and dealt answers teach if an answer's probability is compared with
its probability after other questions, and with answers on the same topic; what does DPO earn at
smaller rates, nearer to the model that it starts from; and what does SmolLM2 tell before LoRA in
as few words as after it?
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from dialogue_checks_study import dealt, recipe_of_tuning
from dialogue_preferences_study import N_DRAWN, liked, preferred, start, unique
from dialogue_rivals_study import asked_by, smollm2, trivia
from dialogue_study import (
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    Pair,
    base,
    batch,
    candidates,
    log_probs,
    pairs_of,
    prompt,
    table,
    text_of,
    tuned,
    write,
)
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.dialogues import words
from largemodels.objectives.preferences import answer_log_probs
from largemodels.text.generation import pad

SEEDS = range(3)
N_NORMAL = 8  # questions of the validation part after which every candidate is read, too
N_OTHER, N_SAME = (
    5,
    4,
)  # other questions of the test part; of the same topic, where there are any
CELLS = [(0.1, rate, seed) for rate in (1e-4, 2e-4, 5e-5) for seed in (0, 1)]
CELLS += [(0.03, rate, 0) for rate in (1e-4, 2e-4, 5e-5)]  # beta, rate, seed
N_NEW = (
    48  # tokens of SmolLM2's replies, of which the first 24 are those of the other studies
)
Scores = Callable[[Sequence[Pair]], Tensor]


@torch.no_grad()
def log_probs_in_words(pairs: Sequence[Pair]) -> Tensor:
    """Log-probabilities by the base model of answers in quotation marks, as in a novel."""
    model, tokenizer = base()

    def cut(question: str) -> str:
        return tokenizer.decode(tokenizer.encode(question)[: LONGEST_QUESTION - 8].tolist())

    after = tokenizer.encode('"').tolist()
    encoded = [
        (
            tokenizer.encode(f'"{cut(question)}"\n\n"').tolist(),
            tokenizer.encode(answer)[:LONGEST_ANSWER].tolist() + after,
        )
        for question, answer in pairs
    ]
    order = sorted(range(len(encoded)), key=lambda i: sum(map(len, encoded[i])))
    found = torch.zeros(len(encoded))
    for first in range(0, len(order), 64):
        some = order[first : first + 64]
        inputs, targets = batch([encoded[i] for i in some])
        found[some] = answer_log_probs(model(inputs), targets)
    return found


@functools.cache
def same_topic() -> list[list[str]]:
    """For each test pair its answer and at most nine to other questions on its topic."""
    some, generator, drawn = table(), np.random.default_rng(1), []
    some = some[some.part == "test"]
    for row in some.itertuples():
        asked_alike = some.question.map(words) == words(row.question)
        own = set(some.answer[asked_alike].map(words))
        others = sorted(
            {it for it in some.answer[some.topic == row.topic] if words(it) not in own}
        )
        picked = generator.permutation(len(others))[:9]
        drawn.append([row.answer, *(others[i] for i in picked)])
    return drawn


@functools.cache
def other_questions() -> tuple[list[list[str]], list[list[str]]]:
    """For each test pair other questions of the test part, and others on its topic."""
    some, generator = table(), np.random.default_rng(2)
    some = some[some.part == "test"]

    def draw(questions: Sequence[str], besides: str, n: int) -> list[str]:
        them = [it for it in dict.fromkeys(questions) if words(it) != words(besides)]
        return [them[i] for i in generator.permutation(len(them))[:n]]

    any_ = [draw(some.question, row.question, N_OTHER) for row in some.itertuples()]
    same = [
        draw(some.question[some.topic == row.topic], row.question, N_SAME)
        for row in some.itertuples()
    ]
    return any_, same


def picked(scores: Scores, lists: list[list[str]]) -> list[bool]:
    """Whether the right answer gains most, against the mean probability after other questions."""
    questions = unique("validation")
    chosen = np.random.default_rng(3).choice(len(questions), N_NORMAL, replace=False)
    normal = [questions[i] for i in chosen]
    every = sorted({it for some in lists for it in some})
    mean = (
        scores([(q, it) for it in every for q in normal])
        .view(-1, N_NORMAL)
        .logsumexp(dim=1)
    )
    unasked = dict(zip(every, mean.tolist(), strict=True))
    pairs = zip(pairs_of("test"), lists, strict=True)
    asked = scores([(q, it) for (q, _), some in pairs for it in some]).tolist()
    found = []
    for some in lists:
        mine, asked = asked[: len(some)], asked[len(some) :]
        gain = [one - unasked[it] for one, it in zip(mine, some, strict=True)]
        found.append(int(np.argmax(gain)) == 0)
    return found


def after(scores: Scores, others: list[list[str]]) -> list[float | None]:
    """Bits by which each test answer is likelier after its question than after others."""
    pairs = pairs_of("test")
    own = scores(pairs).tolist()
    instead = scores(
        [(q, answer) for (_, answer), some in zip(pairs, others, strict=True) for q in some]
    ).tolist()
    found: list[float | None] = []
    for one, some in zip(own, others, strict=True):
        mine, instead = instead[: len(some)], instead[len(some) :]
        found.append((one - float(np.mean(mine))) / math.log(2) if some else None)
    return found


@functools.cache
def known_words() -> set[str]:
    """All words of the base model's training texts and of the training dialogues."""
    from dialogue_base_study import corpora

    texts = [text for corpus in corpora().values() for text in corpus.train.values()]
    texts += [text for pair in pairs_of("train") for text in pair]
    return {word for text in texts for word in words(text).split()}


def strange(texts: Sequence[str]) -> list[bool]:
    """Whether each text holds a word that is in no training text; numbers do not count."""
    return [
        any(it.isalpha() and it not in known_words() for it in words(text).split())
        for text in texts
    ]


@torch.no_grad()
def content(condition: str, seed: int) -> dict[str, Any]:
    """What a question tells a model of its answer: the base model, or one tuned on some answers."""
    if condition == "base":
        scores: Scores = log_probs_in_words
    else:
        pairs = pairs_of("train")
        rate, epochs = recipe_of_tuning()
        with torch.enable_grad():
            if condition == "own" and seed == 0:
                model = start()
            else:
                pairs = dealt(pairs, seed) if condition == "dealt" else pairs
                model = tuned(pairs, True, rate, epochs, seed)[0]

        def scores(pairs: Sequence[Pair]) -> Tensor:
            return log_probs(model, pairs)

    any_, same = other_questions()
    row: dict[str, Any] = {
        "found": picked(scores, candidates("test")),
        "found_on_topic": picked(scores, same_topic()),
        "own_bits": (-scores(pairs_of("test")) / math.log(2)).tolist(),
        "this_not_any": after(scores, any_),
        "this_not_on_topic": after(scores, same),
    }
    if condition != "base":
        replies = write(model, [prompt(question) for question, _ in pairs_of("test")], seed)
        row["strange"] = strange([text_of(it) for it in replies])
    return row


def others(seed: int) -> dict[str, Any]:
    """What the models are compared with: MiniLM on one topic, chance, people's own answers."""
    encoder, lists, pairs = lm.load_minilm(), same_topic(), pairs_of("test")
    every = sorted({it for some in lists for it in some})
    vectors = dict(zip(every, encoder.embed(every), strict=True))
    asked = encoder.embed([question for question, _ in pairs])
    return {
        "minilm_on_topic": [
            (torch.stack([vectors[it] for it in some]) @ asked[i]).argmax().item() == 0
            for i, some in enumerate(lists)
        ],
        "chance_on_topic": [1 / len(some) for some in lists],
        "strange_answers": strange([answer for _, answer in pairs]),
        "questions": other_questions()[0],
    }


@torch.no_grad()
def dpo(beta: float, learning_rate: float, seed: int) -> dict[str, Any]:
    """A model trained by DPO: its points, its divergence, its form."""
    with torch.enable_grad():
        model, loss = preferred(learning_rate, beta, seed)
    questions = [question for question in unique("test") for _ in range(N_DRAWN)]
    answers = write(model, [prompt(question) for question in questions], seed)
    rows = [(prompt(q), answer) for q, answer in zip(questions, answers, strict=True)]
    ratios = []
    for first in range(0, len(rows), 64):
        inputs, targets = batch(rows[first : first + 64])
        now, before = (answer_log_probs(it(inputs), targets) for it in (model, start()))
        ratios.append(now - before)
    texts = [text_of(answer) for answer in answers]
    given = torch.tensor([liked(*both) for both in zip(questions, texts, strict=True)])
    return {
        "loss": loss,
        "kl": torch.cat(ratios).mean().item(),
        "points": given.mean().item(),
        "points_by_question": given.view(-1, N_DRAWN).mean(dim=1).tolist(),
        "asks": float(np.mean(["?" in text for text in texts])),
        "ends": float(np.mean([base()[1].end_of_text in answer for answer in answers])),
    }


@torch.no_grad()
def cut_short(n_new: int) -> dict[str, Any]:
    """SmolLM2's likeliest replies to trivia, and what they tell in as few words as LoRA's."""
    model, tokenizer = smollm2()
    end, asked, found = tokenizer.end_of_text, trivia(), []
    for first in range(0, len(asked), 32):
        tokens, mask = pad([asked_by("chat", q) for q, _ in asked[first : first + 32]])
        texts = lm.generate(model, tokens, n_new, temperature=0, mask=mask, end_token=end)
        found += texts[:, tokens.shape[1] :].tolist()

    def first_words(text: list[int], n: int) -> str:
        text = text[:24]
        text = text[: text.index(end)] if end in text else text
        return " ".join(tokenizer.decode(text).split()[:n])

    def told(numbers: Sequence[int]) -> list[bool]:
        replies = [first_words(text, n) for text, n in zip(found, numbers, strict=True)]
        return [
            f" {words(answer)} " in f" {words(it)} "
            for (_, answer), it in zip(asked, replies, strict=True)
        ]

    rows = lm.studies.load("06_applications/dialogue_lora")
    lora = rows[rows.told.notna()].set_index("seed")
    return {
        "told_whole": told([99] * len(found)),
        "told_in_nine": told([9] * len(found)),
        "told_in_as_many": [told(lora.n_words[seed]) for seed in lora.index],
        "ended": {
            str(n): float(np.mean([end in it[:n] for it in found])) for n in (24, 36, n_new)
        },
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_measures")
    study.row(others, seed=0)
    study.row(content, condition="base", seed=0)
    for seed in SEEDS:
        for condition in ("own", "dealt"):
            study.row(content, condition=condition, seed=seed)
    for beta, rate, seed in CELLS:
        study.row(dpo, beta=beta, learning_rate=rate, seed=seed)
    study.row(cut_short, n_new=N_NEW)
    study.save()
