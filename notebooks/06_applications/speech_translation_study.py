"""Study of the chapter "Speech translation": the second stage, which translates words.

    make study NAME=06_applications/speech_translation

One thread, about 15 minutes. Prompts of an English telephone exchange, 360 for training, 56 for
validation and 80 for the test, and messages of LibreOffice with French translations. A Transformer
of our own, a translation memory and counted phrases translate what was said, what Whisper heard and
what a weak recogniser heard. Settings are chosen by chrF on the true words of the validation
prompts; the Transformer's with a seed that is not reported.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import torch

import largemodels as lm
from largemodels.data import speech
from largemodels.data.spoken_translations import SpokenPair, spoken_pairs, written_pairs
from largemodels.pretrained import whisper
from largemodels.text import bilingual
from largemodels.text.chrf import chrf, chrf_counts
from largemodels.text.spoken import spoken

VOCAB, TOKENS, N_BEAM = 1_300, 1_000, 4  # tokens; places of a batch; candidates
STEPS, LONG_STEPS = 300, 1_200
SIZES = dict(n_layer=2, n_head=4, d_model=128, d_hidden=384, context_length=256)
RATES = [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08]  # of Muon; AdamW's is 0.15 of it
DROPOUTS = (0.1, 0.3)
REPEATS = (1, 10, 30)  # times that a training prompt stands beside the messages
SEEDS, TUNING_SEED = (0, 1, 2), 101
PAIRS = ("prompts", "both")  # what is learnt from: the prompts, or the messages as well


@functools.cache
def parts() -> dict[str, list[SpokenPair]]:
    """The prompts."""
    return spoken_pairs()


@functools.cache
def written() -> list[tuple[str, str]]:
    """Messages that resemble no prompt of validation or test."""
    return written_pairs([*parts()["validation"], *parts()["test"]])


def training(pairs: str, repeats: int = 1) -> tuple[list[str], list[str]]:
    """English and French texts."""
    its = [(it.english, it.french) for it in parts()["train"]] * repeats
    its += written() if pairs == "both" else []
    return [a for a, _ in its], [b for _, b in its]


@functools.cache
def tokens() -> bilingual.PairTokens:
    """Byte pairs of the training prompts and the messages."""
    sources, targets = training("both", 10)
    return bilingual.PairTokens([*sources, *targets], VOCAB)


@functools.cache
def sources(part: str) -> dict[str, list[str]]:
    """The words that are translated: true ones, and for the test those that recognisers heard."""
    its = parts()[part]
    found = {"true": [it.english for it in its]}
    if part == "test":
        named = speech.split([it for it in speech.prompts() if it.seconds <= 15])["test"]
        places = [[it.key for it in named].index(it.key) for it in its]
        strong = lm.studies.load("06_applications/speech_recognition_whisper")
        weak = lm.studies.load("06_applications/speech_recognition_beam")
        said = strong[strong.how == "clean"].said.iloc[0]
        letters = weak[weak.part == "test"].letters.iloc[0]
        found["Whisper"] = [spoken(said[at]) for at in places]
        found["weak"] = [spoken(letters[at]) for at in places]
    return found


def judged(said: list[str], part: str) -> float:
    """The chrF of all texts together."""
    references = [it.french for it in parts()[part]]
    return float(chrf(chrf_counts(said, references).sum(0)))


def spoken_by(say: Any, part: str) -> dict[str, Any]:
    """What a translator makes of each kind of words; for validation only its score."""
    row: dict[str, Any] = {}
    for name, texts in sources(part).items():
        said = say(texts)
        row[f"chrf {name}"] = judged(said, part)
        if part == "test":
            row[f"said {name}"] = said
    return row


def hear(part: str) -> dict[str, Any]:
    """What Whisper writes for another part."""
    listener = whisper.load_whisper()
    its = [speech.resampled(it.sound, whisper.RATE) for it in parts()[part]]
    return {"said": listener.transcribe(its, at_once=1)}


def count(rival: str, pairs: str, repeats: int, part: str) -> dict[str, Any]:
    """A rival without a network."""
    makers: dict[str, Any] = {"memory": lm.TranslationMemory, "phrases": lm.Phrases}
    model = makers[rival](*training(pairs, repeats))
    return spoken_by(lambda texts: [model.translate(it) for it in texts], part)


def recipe(steps: int, rate: float) -> lm.TrainingConfig:
    """Muon for the matrices; AdamW at 0.15 of its rate for embeddings, norms and biases."""
    return lm.TrainingConfig(
        steps=steps,
        warmup_steps=steps // 20,
        optimizer="muon",
        learning_rate=0.15 * rate,
        matrix_learning_rate=rate,
        final_fraction=0.05,
        evaluate_every=steps,
    )


def translate(model: Any, texts: list[str]) -> list[str]:
    """Translations by beam search."""
    its = [tokens().source(it) for it in texts]
    return [tokens().decode(it) for it in bilingual.translated(model, its, N_BEAM)]


def train(
    pairs: str, repeats: int, rate: float, dropout: float, steps: int, seed: int
) -> dict[str, Any]:
    """Train one Transformer and judge it, on validation prompts for tuning."""
    texts = training(pairs, repeats)
    torch.manual_seed(seed)
    choices: dict[str, Any] = dict(norm_first=True, dropout=dropout) | SIZES
    model = lm.Transformer(lm.TransformerConfig(VOCAB, **choices))
    given = (
        [tokens().source(it) for it in texts[0]],
        [tokens().target(it) for it in texts[1]],
    )
    began = time.process_time()
    lm.train(
        model, bilingual.pair_batches(*given, TOKENS, seed), recipe(steps, rate), lambda: {}
    )
    row: dict[str, Any] = {
        "core_seconds": time.process_time() - began,
        "n_parameters": model.n_parameters(),
    }
    if pairs == "both" and steps == LONG_STEPS:
        study.keep("translator", model)
    part = "validation" if seed == TUNING_SEED else "test"
    return row | spoken_by(functools.partial(translate, model), part)


def best(pairs: str) -> dict[str, Any]:
    """The setting with the best chrF on validation prompts."""
    tried: dict[float, dict[str, Any]] = {}

    def score(repeats: int, dropout: float, rate: float) -> float:
        key = dict(pairs=pairs, repeats=repeats, rate=rate, dropout=dropout, steps=STEPS)
        value = study.row(train, **key, seed=TUNING_SEED)["chrf true"]
        tried[value] = key
        return -float(value)

    many = REPEATS if pairs == "both" else (1,)
    for repeats in many:
        score(repeats, DROPOUTS[0], 0.02)
    for dropout in DROPOUTS[1:] if pairs == "prompts" else ():  # more of it for few pairs
        score(tried[max(tried)]["repeats"], dropout, 0.02)
    at = tried[max(tried)]
    lm.studies.best_inside(
        RATES, [0.02], functools.partial(score, at["repeats"], at["dropout"])
    )
    return tried[max(tried)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_translation")
    study.row(hear, part="validation")
    for rival in ("memory", "phrases"):
        for pairs in PAIRS:
            scores = {
                it: study.row(
                    count, rival=rival, pairs=pairs, repeats=it, part="validation"
                )["chrf true"]
                for it in (REPEATS if rival == "phrases" and pairs == "both" else (1,))
            }
            chosen = max(scores, key=lambda it: scores[it])
            study.row(count, rival=rival, pairs=pairs, repeats=chosen, part="test")
    for pairs in PAIRS:
        setting = best(pairs)
        for seed in SEEDS:
            study.row(train, **setting, seed=seed)
        if pairs == "both":
            study.row(train, **setting | {"steps": LONG_STEPS}, seed=SEEDS[0])
    study.save()
