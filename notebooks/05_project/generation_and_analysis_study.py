"""Study of the chapter "Generation and analysis": rules that choose a token, people, and a task.

    make study NAME=05_project/generation_and_analysis

One thread, about 10 minutes. An interrupted study goes on where it stopped.

Two models write. The GPT of the chapter "Pretraining a GPT" continues plays: settings of the rules
are chosen on the validation plays and reported on the test plays. SmolLM2-135M-Instruct (rounded to
four bits) continues Wikipedia articles, names capitals, and judges what the GPT has written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.pretrained.smollm2 import load_smollm2
from largemodels.text.generation import Session, pad
from largemodels.text.sampling import Sampling
from largemodels.text.writing import written_dialogue

N_PROMPT, N_NEW = 32, 64  # tokens of a prompt, and of each continuation
N_PASSAGES, N_ARTICLES = 64, 24  # continued
JUDGED = 2  # every second continuation of a passage
# One end of each is greedy; the other, except for the temperature, the model's own distribution.
GRID = {
    "temperature": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2),
    "top-k": (2, 3, 5, 10, 20, 40, 80, 160),
    "top-p": (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    "min-p": (0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01),
}
WIDTHS = (4, 16)  # of beams that write
HORIZON, SEARCHED = (
    4,
    (1, 2, 4, 8, 16),
)  # tokens of a search, and widths compared with exact search
N_COUNTED = 4  # order of the n-gram model of byte pairs
N_ANSWER = 32  # tokens, at most
CAPITALS = {  # or the beginning of their names, where spellings differ
    "Afghanistan": "Kabul", "Albania": "Tirana", "Angola": "Luanda", "Argentina": "Buenos Aires",
    "Austria": "Vienna", "Bangladesh": "Dhaka", "Belgium": "Brussels", "Bulgaria": "Sofia",
    "Cambodia": "Phnom Penh", "Chile": "Santiago", "China": "Beijing", "Colombia": "Bogot",
    "Croatia": "Zagreb", "Cuba": "Havana", "Cyprus": "Nicosia", "Denmark": "Copenhagen",
    "Ecuador": "Quito", "Egypt": "Cairo", "Estonia": "Tallinn", "Ethiopia": "Addis Ababa",
    "Finland": "Helsinki", "France": "Paris", "Germany": "Berlin", "Ghana": "Accra",
    "Greece": "Athens", "Hungary": "Budapest", "Iceland": "Reykjav", "India": "Delhi",
    "Indonesia": "Jakarta", "Iran": "Tehran", "Iraq": "Baghdad", "Ireland": "Dublin",
    "Italy": "Rome", "Jamaica": "Kingston", "Japan": "Tokyo", "Jordan": "Amman",
    "Kenya": "Nairobi", "Latvia": "Riga", "Lebanon": "Beirut", "Libya": "Tripoli",
    "Lithuania": "Vilnius", "Mali": "Bamako", "Mongolia": "Ulaanbaatar", "Morocco": "Rabat",
    "Nepal": "Kathmandu", "Norway": "Oslo", "Peru": "Lima", "Philippines": "Manila",
    "Poland": "Warsaw", "Portugal": "Lisbon", "Romania": "Bucharest", "Russia": "Moscow",
    "Senegal": "Dakar", "Serbia": "Belgrade", "Spain": "Madrid", "Sweden": "Stockholm",
    "Syria": "Damascus", "Thailand": "Bangkok", "Turkey": "Ankara", "Venezuela": "Caracas",
}  # fmt: skip
FORMS: dict[str, str] = {
    "question": "What is the capital of {}?",
    "beginning": "The capital of {} is",
    "turn": "What is the capital of {}?",  # of a dialogue
}
Model = Any
smollm2 = lru_cache(load_smollm2)


@lru_cache
def bard() -> tuple[lm.GPT, lm.ByteBPE, lm.Corpus]:
    """The GPT that has read the training plays, its tokenizer, and the plays."""
    kept = lm.studies.weights("05_project/pretraining_longer", "gpt")
    model = lm.GPT(lm.GPTConfig(**kept.config))
    model.load_state_dict(kept.state)
    corpus = lm.shakespeare()
    tokenizer = lm.ByteBPE.train(corpus.text("train"), model.config.vocab_size)
    return model.eval(), tokenizer, corpus


@lru_cache
def counts() -> lm.NGram:
    """An n-gram model of the same tokens of the same plays."""
    _, tokenizer, corpus = bard()
    ngram = lm.NGram(N_COUNTED, tokenizer.vocab_size)
    return ngram.fit(tokenizer.encode(corpus.text("train")).numpy())


@lru_cache
def plays(part: str) -> Tensor:
    """Passages by people, from places at equal distances: (n, N_PROMPT + N_NEW) tokens."""
    _, tokenizer, corpus = bard()
    tokens = tokenizer.encode(corpus.text(part))
    length = N_PROMPT + N_NEW
    starts = torch.linspace(200, len(tokens) - length - 1, N_PASSAGES).long().tolist()
    return torch.stack([tokens[start : start + length] for start in starts])


@lru_cache
def articles() -> Tensor:
    """Beginnings of held-out Wikipedia articles: (N_ARTICLES, N_PROMPT + N_NEW) tokens."""
    tokenizer, length = smollm2()[1], N_PROMPT + N_NEW
    texts = [text.partition("\n")[2] for text in lm.wikipedia().test.values()]
    long = [tokens for tokens in map(tokenizer.encode, texts) if len(tokens) >= length]
    chosen = np.random.default_rng(0).permutation(len(long))[:N_ARTICLES]
    return torch.stack([long[i][:length] for i in chosen])


def rule_of(rule: str, value: float) -> Callable[[Tensor], Tensor]:
    """A function from logits (batch, vocab_size) to the probabilities from which is drawn."""
    if rule == "min-p":  # the library's sampling does not have it

        def probs_of(logits: Tensor) -> Tensor:
            probs = logits.softmax(-1)
            kept = torch.where(probs >= value * probs.amax(-1, keepdim=True), probs, 0)
            return kept / kept.sum(-1, keepdim=True)

        return probs_of
    options: dict[str, Any] = {
        "temperature": dict(temperature=value),
        "top-k": dict(top_k=int(value)),
        "top-p": dict(top_p=value),
    }
    return Sampling(**options[rule]).probs


@torch.no_grad()
def written(model: Model, prompts: Tensor, rule: str, value: float, seed: int) -> Tensor:
    """Prompts (batch, N_PROMPT) with N_NEW tokens appended by a rule."""
    if rule == "beam":
        return lm.beam_search(model, prompts, N_NEW, int(value))
    if value == 0:
        return lm.generate(model, prompts, N_NEW, temperature=0)
    generator, probs_of = torch.Generator().manual_seed(seed), rule_of(rule, value)
    session, text = Session(model, prompts, N_NEW), prompts
    for _ in range(N_NEW):
        probs = probs_of(session.read(text))
        text = torch.cat([text, torch.multinomial(probs, 1, generator=generator)], dim=1)
    return text


def counted(prompts: Tensor, value: float, seed: int) -> Tensor:
    """Prompts continued by the n-gram model, greedily (0) or drawn from its distribution (1)."""
    text, rng = prompts.numpy(), np.random.default_rng(seed)
    for _ in range(N_NEW):
        probs = counts().distributions(text[:, 1 - N_COUNTED :])
        chosen = [
            row.argmax() if value == 0 else rng.choice(len(row), p=row) for row in probs
        ]
        text = np.hstack([text, np.array(chosen)[:, None]])
    return torch.from_numpy(text)


@torch.no_grad()
def costs(model: Model, rows: Tensor) -> Tensor:
    """What a model pays for each token after the prompt: (batch, N_NEW) nats."""
    found = []
    for some in rows.split(8):
        logits = model.logits(model.hidden(some[:, :-1])[:, N_PROMPT - 1 :])
        targets = some[:, N_PROMPT:, None]
        found.append(-logits.log_softmax(-1).gather(-1, targets).squeeze(-1))
    return torch.cat(found)


def repeated(tokens: list[int], n: int = 4) -> float:
    """Per cent of the strings of n tokens that stood earlier in the same text."""
    strings = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 100 * (1 - len(set(strings)) / len(strings))


@torch.no_grad()
def judged(rows: Tensor) -> list[float]:
    """What SmolLM2 pays for each continuation of a play, in bits a character."""
    (model, tokenizer), decode = smollm2(), bard()[1].decode
    found = []
    for row in rows:
        text = decode(row[N_PROMPT:])
        prompt, new = tokenizer.encode(decode(row[:N_PROMPT])), tokenizer.encode(text)
        whole = torch.cat([prompt, new])[None]
        logits = model.logits(model.hidden(whole[:, :-1])[:, len(prompt) - 1 :])[0]
        nats = -logits.log_softmax(-1).gather(-1, new[:, None]).sum().item()
        found.append(nats / math.log(2) / len(text))
    return found


def of_plays(model: str, part: str, rule: str, value: float, judge: bool) -> dict[str, Any]:
    """Continuations of passages of plays, and their measures, a number for each text."""
    gpt = bard()[0]
    people = plays(part)
    prompts = people[:, :N_PROMPT]
    if rule == "people":
        rows = people
    elif model == "counts":
        rows = counted(prompts, value, seed=0)
    else:
        rows = written(gpt, prompts, rule, value, seed=0)
    cost = costs(gpt, rows)
    return {
        "own": cost.mean(1).double().numpy().round(4).tolist(),
        "repeated": [round(repeated(row), 2) for row in rows[:, N_PROMPT:].tolist()],
        "judged": [round(bits, 4) for bits in judged(rows[::JUDGED])] if judge else None,
        "tokens": rows[:4].tolist(),
        "costs": [[round(nats, 3) for nats in row] for row in cost[:4].tolist()],
    }


def of_articles(rule: str, value: float) -> dict[str, Any]:
    """SmolLM2's continuations of Wikipedia articles, and their measures."""
    model, tokenizer = smollm2()
    people = articles()
    rows = people
    if rule != "people":
        rows = written(model, people[:, :N_PROMPT], rule, value, seed=0)
    new = rows[:, N_PROMPT:]
    return {
        "own": costs(model, rows).mean(1).double().numpy().round(4).tolist(),
        "repeated": [round(repeated(row), 2) for row in new.tolist()],
        "ended": int((new == tokenizer.end_of_text).any(1).sum()),
        "texts": [tokenizer.decode(row) for row in new[:4]],
    }


@torch.no_grad()
def searched(n_texts: int, horizon: int) -> dict[str, Any]:
    """Log-probability of the likeliest continuation, as beams find it, and exactly."""
    model = bard()[0]
    prompts = plays("test")[:n_texts, :N_PROMPT]

    def score(rows: Tensor) -> Tensor:
        log_probs = model(rows[:, :-1])[:, N_PROMPT - 1 :].log_softmax(-1)
        return log_probs.gather(-1, rows[:, N_PROMPT:, None]).sum((1, 2))

    by_beam = {
        width: score(lm.beam_search(model, prompts, horizon, width)).tolist()
        for width in SEARCHED
    }
    exact, n_read = [], []
    for i, prompt in enumerate(prompts):
        bound = max(scores[i] for scores in by_beam.values()) - 1e-3
        rows, totals, n = prompt[None], torch.zeros(1), 0
        for _ in range(
            horizon
        ):  # a prefix that is less likely than a whole text cannot win
            n += len(rows)
            log_probs = torch.cat(
                [model.logits(model.hidden(some)[:, -1]) for some in rows.split(256)]
            ).log_softmax(-1)
            totals = totals[:, None] + log_probs
            places = (totals >= bound).nonzero()  # (n, 2): row and token
            totals = totals[places[:, 0], places[:, 1]]
            rows = torch.cat([rows[places[:, 0]], places[:, 1:]], dim=1)
        exact.append(totals.max().item())
        n_read.append(n)
    return {
        "beams": {
            str(width): np.round(found, 4).tolist() for width, found in by_beam.items()
        },
        "exact": np.round(exact, 4).tolist(),
        "n_read": n_read,
    }


def named(form: str, rule: str, value: float) -> dict[str, Any]:
    """Which capitals SmolLM2 names when it is asked in this form."""
    model, tokenizer = smollm2()
    asked = [FORMS[form].format(country) for country in CAPITALS]
    if form == "turn":
        turns = [[{"role": "user", "content": question}] for question in asked]
        encoded = [written_dialogue(tokenizer, turn) for turn in turns]
    else:
        encoded = [tokenizer.encode(text) for text in asked]
    tokens, mask = pad(encoded)
    end = tokenizer.end_of_text
    if rule == "beam":
        whole = lm.beam_search(
            model, tokens, N_ANSWER, int(value), mask=mask, end_token=end
        )
    else:
        options = {"temperature": value} if rule == "temperature" else {"top_p": value}
        generator = torch.Generator().manual_seed(0)
        whole = lm.generate(
            model,
            tokens,
            N_ANSWER,
            generator=generator,
            mask=mask,
            end_token=end,
            **options,
        )
    new = whole[:, tokens.shape[1] :]
    texts = [tokenizer.decode(row[row != end]) for row in new]
    return {
        "right": [
            int(city in text) for city, text in zip(CAPITALS.values(), texts, strict=True)
        ],
        "ended": int((new == end).any(1).sum()),
        "texts": texts,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/generation_and_analysis")
    for form in FORMS:
        study.row(named, form=form, rule="temperature", value=0.0)
    for rule, value in (("temperature", 1.0), ("top-p", 0.9), ("beam", 4)):
        study.row(named, form="turn", rule=rule, value=value)

    def on(
        part: str, rule: str, value: float, judge: bool = False, model: str = "gpt"
    ) -> float:
        """Compute a row; returns the mean share of what is repeated."""
        key = dict(model=model, part=part, rule=rule, value=value, judge=judge)
        return float(np.mean(study.row(of_plays, **key)["repeated"]))

    target = on("validation", "people", 0.0, judge=True)
    on("validation", "temperature", 0.0, judge=True)
    chosen = {}
    for rule, values in GRID.items():
        found = [
            abs(on("validation", rule, value, judge=rule == "temperature") - target)
            for value in values
        ]
        chosen[rule] = values[int(np.argmin(found))]
    on("test", "people", 0.0, judge=True)
    for rule, value in [("temperature", 0.0), ("temperature", 1.0), *chosen.items()]:
        on("test", rule, value, judge=True)
    for width in WIDTHS:
        on("test", "beam", width, judge=True)
    for value in (0.0, 1.0):
        on("test", "temperature", value, model="counts")
    study.row(searched, n_texts=N_PASSAGES, horizon=HORIZON)
    on_articles = [("people", 0.0), *(("temperature", value) for value in (0.0, 0.7, 1.0))]
    for rule, value in [*on_articles, ("beam", 4)]:
        study.row(of_articles, rule=rule, value=value)
    study.save()
