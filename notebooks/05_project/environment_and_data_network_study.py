"""Study of the chapter "Environment and data": what does a network take from the rest of a play?

    make study NAME=05_project/environment_and_data_network

One thread, about 6 minutes. An interrupted study goes on where it stopped.

A small GPT and a 5-gram are trained on the same text, and tested on a tenth of the windows of
*Macbeth* and *Twelfth Night*. The text is the rest of the two plays, that rest with words replaced,
or two other plays. Draws, replaced words and recipe are those of the study `environment_and_data`.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import torch

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.presets import preset

LENGTH, ORDER, STEPS = 256, 5, 800
TEXTS = ("nothing", "capitals and own", "as many others", "two other plays")


def replacements(change: str, seed: int) -> dict[str, str]:
    """Words of the two plays, each with a word of the same length and case from the others."""
    corpus = lm.shakespeare()
    others = set(re.findall("[A-Za-z]+", corpus.text("train")))
    known = {word.lower() for word in others}
    here = Counter(re.findall("[A-Za-z]+", "".join(corpus.test.values())))
    suspects = {
        word
        for word in here
        if re.fullmatch("[A-Z]{3,}", word) or word.lower() not in known
    }
    rng = np.random.default_rng(seed)
    chosen = suspects if change == "capitals and own" else set()
    if change == "as many others":  # drawn until they fill as many characters
        left = sum(len(word) * here[word] for word in suspects)
        for word in rng.permutation(sorted(set(here) - suspects)).tolist():
            if len(word) * here[word] <= left:
                chosen.add(word)
                left -= len(word) * here[word]
    pool: dict[tuple[bool, ...], list[str]] = {}
    for word in sorted(others - set(here)):
        pool.setdefault(case(word), []).append(word)
    return {word: str(rng.choice(pool.get(case(word), [word]))) for word in sorted(chosen)}


def case(word: str) -> tuple[bool, ...]:
    """Length and capitals of a word."""
    return tuple(letter.isupper() for letter in word)


def windows(plays: list[str]) -> list[str]:
    """All windows of the plays."""
    return [
        play[i : i + LENGTH]
        for play in plays
        for i in range(0, len(play) - LENGTH + 1, LENGTH)
    ]


def parted(change: str, seed: int) -> tuple[str, str]:
    """A tenth of the windows, and the rest with its words replaced."""
    plays, new = list(lm.shakespeare().test.values()), replacements(change, seed)
    altered = [
        re.sub("[A-Za-z]+", lambda it: new.get(it[0], it[0]), play) for play in plays
    ]
    every, after = windows(plays), windows(altered)
    order = np.random.default_rng(seed).permutation(len(every))
    held_out = set(order[: len(every) // 10].tolist())
    rest = (piece for number, piece in enumerate(after) if number not in held_out)
    return "".join(every[number] for number in sorted(held_out)), "".join(rest)


def trained(text: str, seed: int) -> dict[str, float]:
    """Losses of both models in nats a character; the text "nothing" is the rest, unchanged."""
    corpus = lm.shakespeare()
    tokenizer = lm.CharTokenizer(
        "".join(corpus.text(part) for part in ("train", "validation", "test"))
    )
    test, rest = parted(text, seed)
    if text == "two other plays":
        rest = (corpus.train["hamlet"] + corpus.train["as_you_like_it"])[: len(rest)]
    tokens, training = tokenizer.encode(test), tokenizer.encode(rest)
    counted = lm.NGram(ORDER, tokenizer.vocab_size).fit(training.numpy())
    torch.manual_seed(seed)
    sizes = dict(vocab_size=tokenizer.vocab_size, n_layer=2, n_head=4, d_model=64)
    model = lm.GPT(preset("modern", context_length=64, **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        optimizer="muon",
        learning_rate=8e-3,
        matrix_learning_rate=0.03,
        warmup_steps=STEPS // 20,
        evaluate_every=STEPS,
    )
    history = lm.train(
        model,
        lm.batches(training, 16, 64, seed),
        recipe,
        lambda: {"loss": lm.evaluate(model, tokens, 64, overlap=32)},
    )
    return {
        "network": float(history.loss.iloc[-1]),
        "five_gram": float(-counted.log_probs(tokens.numpy()).mean()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/environment_and_data_network")
    for seed in range(3):
        for text in TEXTS:
            study.row(trained, text=text, seed=seed)
    study.save()
