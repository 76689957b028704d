"""Study of the chapter "Environment and data": how much does a way of splitting flatter a model?

    make study NAME=05_project/environment_and_data

One thread, about 6 minutes. An interrupted study goes on where it stopped.

*Macbeth* and *Twelfth Night* are cut into pieces; a tenth of the pieces is the test text. Two
models are measured on it: one trained on the other plays and poems ("by play"), one on as many
characters that contain the remaining pieces of the two plays ("leaky"). The difference is the leak.
"""

from __future__ import annotations

import functools
import re
from collections import Counter

import numpy as np
import torch

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.presets import preset

CUTS = ("lines", "windows", "overlapping windows", "long windows", "stretch")
LENGTH = {"windows": 256, "overlapping windows": 256, "long windows": 8_000}
STARTS = (
    0.9,
    0.7,
    0.5,
    0.3,
    0.1,
)  # of the stretch, by seed; the first is the end of a play
CHANGES = ("nothing", "capitals", "capitals and own", "as many others")


@functools.cache
def texts() -> tuple[lm.CharTokenizer, np.ndarray, np.ndarray, list[str]]:
    """The tokenizer, the tokens of the training and of the validation plays, the test plays."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))  # one alphabet for all
    train, validation = (
        tokenizer.encode(parts[part]).numpy() for part in ("train", "validation")
    )
    return tokenizer, train, validation, list(corpus.test.values())


def pieces(play: str, cut: str, seed: int) -> list[str]:
    """A play in pieces."""
    if cut == "lines":
        return play.splitlines(keepends=True)
    if cut == "stretch":
        start = round(STARTS[seed] * len(play))
        end = start + len(play) // 10
        return [play[start:end], play[:start], play[end:]]
    length = LENGTH[cut]
    step = length // 2 if cut == "overlapping windows" else length
    return [play[i : i + length] for i in range(0, len(play) - length + 1, step)]


def parted(plays: list[str], altered: list[str], cut: str, seed: int) -> tuple[str, str]:
    """Test text, a tenth of the pieces of the plays, and the rest, taken from the altered plays."""
    every = [piece for play in plays for piece in pieces(play, cut, seed)]
    after = [piece for play in altered for piece in pieces(play, cut, seed)]
    if cut == "stretch":
        chosen = range(0, len(every), 3)
    else:
        order = np.random.default_rng(seed).permutation(len(every))
        chosen = sorted(order[: max(1, len(every) // 10)].tolist())
    held_out = set(chosen)
    rest = (piece for number, piece in enumerate(after) if number not in held_out)
    return "".join(every[number] for number in chosen), "".join(rest)


@functools.cache
def by_play(order: int) -> lm.NGram:
    """The model that has read nothing of the two plays."""
    tokenizer, train, *_ = texts()
    return lm.NGram(order, tokenizer.vocab_size).fit(train)


def leaky(order: int, rest: str) -> lm.NGram:
    """The model that has read the rest of the two plays, in place of as many characters."""
    tokenizer, train, *_ = texts()
    tokens = tokenizer.encode(rest).numpy()
    return lm.NGram(order, tokenizer.vocab_size).fit(
        np.concatenate([train[len(tokens) :], tokens])
    )


def loss(model: lm.NGram, text: str) -> float:
    """Nats a character."""
    return float(-model.log_probs(texts()[0].encode(text).numpy()).mean())


def orders(order: int) -> dict[str, float]:
    """Loss on the two validation plays, by which the order is chosen."""
    return {"validation_loss": float(-by_play(order).log_probs(texts()[2]).mean())}


def leak(cut: str, order: int, seed: int) -> dict[str, float]:
    """One draw of the test pieces."""
    test, rest = parted(texts()[3], texts()[3], cut, seed)
    return {
        "n_test": len(test),
        "by_play": loss(by_play(order), test),
        "leaky": loss(leaky(order, rest), test),
    }


def replacements(change: str, seed: int) -> dict[str, str]:
    """Words of the two plays, each with a word of the same length and case from the others."""
    tokenizer, train, _, plays = texts()
    others = set(re.findall("[A-Za-z]+", tokenizer.decode(train.tolist())))
    known = {word.lower() for word in others}
    here = Counter(re.findall("[A-Za-z]+", "".join(plays)))
    capitals = {word for word in here if re.fullmatch("[A-Z]{3,}", word)}
    own = {word for word in here if word.lower() not in known}
    rng = np.random.default_rng(seed)
    chosen = {
        "nothing": set(),
        "capitals": capitals,
        "capitals and own": capitals | own,
        "as many others": set(),
    }[change]
    if change == "as many others":  # drawn until they fill as many characters
        left = sum(len(word) * here[word] for word in capitals | own)
        for word in rng.permutation(sorted(set(here) - capitals - own)).tolist():
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


def changed(change: str, order: int, seed: int) -> dict[str, float]:
    """The leak by windows where words of the leaking part are replaced by words of other plays."""
    plays, new = texts()[3], replacements(change, seed)
    altered = [
        re.sub("[A-Za-z]+", lambda it: new.get(it[0], it[0]), play) for play in plays
    ]
    test, rest = parted(plays, altered, "windows", seed)
    differs = [a != b for a, b in zip("".join(plays), "".join(altered), strict=True)]
    return {
        "characters_changed": float(np.mean(differs)),
        "by_play": loss(by_play(order), test),
        "leaky": loss(leaky(order, rest), test),
    }


def source(play: int, order: int, seed: int) -> dict[str, float]:
    """The leak into one play from the rest of it, and from as much of the other play."""
    plays = texts()[3]
    test, rest = parted([plays[play]], [plays[play]], "windows", seed)
    return {
        "by_play": loss(by_play(order), test),
        "same_play": loss(leaky(order, rest), test),
        "other_play": loss(leaky(order, plays[1 - play][: len(rest)]), test),
    }


def gpt(split: str, seed: int, steps: int) -> dict[str, list[float]]:
    """A small GPT on the rest of the two plays, or on as many characters of two others."""
    tokenizer, *_, plays = texts()
    test, rest = parted(plays, plays, "windows", seed)
    train = lm.shakespeare().train
    two_others = train["hamlet"] + train["as_you_like_it"]
    text = rest if split == "leaky" else two_others[: len(rest)]
    torch.manual_seed(seed)
    sizes = dict(vocab_size=tokenizer.vocab_size, n_layer=2, n_head=4, d_model=64)
    model = lm.GPT(preset("modern", context_length=64, **sizes))
    recipe = lm.TrainingConfig(
        steps=steps,
        optimizer="muon",
        learning_rate=8e-3,
        matrix_learning_rate=0.03,
        warmup_steps=steps // 20,
        evaluate_every=100,
    )
    tokens = tokenizer.encode(test)
    history = lm.train(
        model,
        lm.batches(tokenizer.encode(text), 16, 64, seed),
        recipe,
        lambda: {"loss": lm.evaluate(model, tokens, 64, overlap=32)},
    )
    return {
        "n_parameters": model.n_parameters(),
        "characters": len(text),
        "at_step": history.step.tolist(),
        "losses": history.loss.tolist(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/environment_and_data")
    rows = [study.row(orders, order=order) for order in range(1, 10)]
    best = min(rows, key=lambda row: row["validation_loss"])["order"]
    for seed in range(5):
        for cut in CUTS:
            study.row(leak, cut=cut, order=best, seed=seed)
        for change in CHANGES:
            study.row(changed, change=change, order=best, seed=seed)
        for play in (0, 1):
            study.row(source, play=play, order=best, seed=seed)
    for seed in range(3):
        for cut in ("windows", "overlapping windows"):
            for order in range(1, 10):
                if order != best:
                    study.row(leak, cut=cut, order=order, seed=seed)
        for split in ("by play", "leaky"):
            study.row(gpt, split=split, seed=seed, steps=800)
    study.save()
