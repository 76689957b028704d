"""Study of the chapter "Speech translation": one network from the sound to French.

    make study NAME=06_applications/speech_translation_direct

One thread, about 10 minutes. The frozen encoder of Whisper reads the prompts; an adapter and a
Transformer learn French from its states, beginning with the weights of the translator of words that
was trained further on prompts. They learn from the training prompts alone, or also from messages of
LibreOffice that the program eSpeak NG reads aloud. The rival is the French of the prompt that is
nearest in sound. Settings are chosen by chrF on validation prompts with a seed that is not
reported.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from speech_translation_study import (
    N_BEAM,
    SEEDS,
    SIZES,
    TUNING_SEED,
    VOCAB,
    judged,
    parts,
    recipe,
    tokens,
    written,
)
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models.speech_translator import sound_states
from largemodels.models.templates import warping_distances
from largemodels.pretrained import whisper
from largemodels.text import bilingual
from largemodels.text.espeak import speak

STEPS, PLACES = 240, 1_000  # of a run; states and tokens of a batch
RATES = [0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08]
DROPOUTS = (0.1, 0.3)
N_SPOKEN, SHORTEST, LONGEST = 800, 3, 12  # messages read aloud, and their words
REPEATS = 3  # times that a prompt stands beside the messages
VOICE = "en-us"


@functools.cache
def recogniser() -> lm.Whisper:
    """Whisper tiny.en."""
    return whisper.load_whisper().model


@functools.cache
def states(part: str) -> list[Tensor]:
    """Encoded prompts, ``(time, 384)`` each."""
    its = [speech.resampled(it.sound, whisper.RATE) for it in parts()[part]]
    return [sound_states(recogniser(), it) for it in its]


@functools.cache
def messages_chosen() -> list[tuple[str, str]]:
    """The messages that are read aloud."""
    its = [it for it in written() if SHORTEST <= len(it[0].split()) <= LONGEST]
    order = np.random.default_rng(0).permutation(len(its))
    return [its[at] for at in order[:N_SPOKEN]]


@functools.cache
def read_aloud() -> list[Tensor]:
    """Encoded messages, in the voice of eSpeak NG and the bandwidth of the prompts."""
    found = []
    for english, _ in messages_chosen():
        sound, rate = speak(english, VOICE)
        narrow = resample_poly(sound.numpy(), speech.RATE, rate).astype(np.float32)
        wide = speech.resampled(torch.from_numpy(narrow), whisper.RATE)
        found.append(sound_states(recogniser(), wide))
    return found


def learnt(data: str) -> tuple[list[Tensor], list[Tensor]]:
    """Encoded sounds and French tokens."""
    sources = states("train")
    targets = [tokens().target(it.french) for it in parts()["train"]]
    if data == "prompts":
        return sources, targets
    more = [tokens().target(french) for _, french in messages_chosen()]
    return [*sources * REPEATS, *read_aloud()], [*targets * REPEATS, *more]


@functools.cache
def unseen() -> bilingual.Batch:
    """The validation prompts as one batch."""
    targets = [tokens().target(it.french) for it in parts()["validation"]]
    (source, source_mask), (target, target_mask) = map(
        bilingual.padded, (states("validation"), targets)
    )
    return source, target, source_mask, target_mask


def wiped(batches: Iterator[bilingual.Batch], seed: int) -> Iterator[bilingual.Batch]:
    """Batches in which two stretches of each sound are wiped out, a tenth of it at most each."""
    draw = np.random.default_rng([seed, 1])
    for source, target, source_mask, target_mask in batches:
        source = source.clone()
        for row, n in enumerate(source_mask.sum(1).tolist()):
            for _ in range(2):
                width = int(draw.integers(n // 10 + 1))
                at = int(draw.integers(n - width + 1))
                source[row, at : at + width] = 0
        yield source, target, source_mask, target_mask


def direct(data: str, start: str, rate: float, dropout: float, seed: int) -> dict[str, Any]:
    """Train one network and judge it, on validation prompts for tuning."""
    given = learnt(data)
    torch.manual_seed(seed)
    choices: dict[str, Any] = dict(norm_first=True, dropout=dropout) | SIZES
    model = lm.SpeechTranslator(lm.SpeechTranslatorConfig(VOCAB, **choices))
    if start == "translator":
        kept = lm.studies.weights("06_applications/speech_translation_adapted", "adapted")
        state = {name: it.float() for name, it in kept.state.items()}
        missing = model.load_state_dict(state, strict=False)
        assert all(it.startswith(("adapter", "source_norm")) for it in missing.missing_keys)
    began = time.process_time()
    batches = wiped(bilingual.pair_batches(*given, PLACES, seed), seed)
    config = dataclasses.replace(recipe(STEPS, rate), evaluate_every=STEPS // 8)
    check = unseen()
    history = lm.train(
        model, batches, config, lambda: {"validation_loss": model.loss(*check)}
    )
    row: dict[str, Any] = {
        "core_seconds": time.process_time() - began,
        "curve": [float(it) for it in history["validation_loss"]],
    }
    part = "validation" if seed == TUNING_SEED else "test"
    said = [tokens().decode(it) for it in bilingual.translated(model, states(part), N_BEAM)]
    row |= {"chrf": judged(said, part), "n_parameters": model.n_parameters()}
    if part == "test":
        row["said"] = said
    return row


def nearest(how: str, part: str) -> dict[str, Any]:
    """The French of the training prompt that is nearest in sound, by Whisper's states."""
    known = [F.layer_norm(it, it.shape[1:]) for it in states("train")]
    said = []
    for it in states(part):
        x = F.layer_norm(it, it.shape[1:])
        if how == "warping":
            at = int(warping_distances(x, known).argmin())
        else:
            means = torch.stack([one.mean(0) for one in known])
            at = int(F.cosine_similarity(means, x.mean(0)[None]).argmax())
        said.append(parts()["train"][at].french)
    return {"chrf": judged(said, part), "said": said if part == "test" else []}


def best(data: str, first: dict[str, Any] | None = None) -> dict[str, Any]:
    """The best setting on validation prompts; dropout is chosen with the prompts alone."""
    tried: dict[float, dict[str, Any]] = {}
    from_rate = first["rate"] if first else 0.01

    @functools.cache
    def score(dropout: float, rate: float) -> float:
        key = dict(data=data, start="translator", rate=rate, dropout=dropout)
        value = study.row(direct, **key, seed=TUNING_SEED)["chrf"]
        tried[value] = key
        return -float(value)

    for dropout in (first["dropout"],) if first else DROPOUTS:
        score(dropout, from_rate)
    chosen = tried[max(tried)]["dropout"]
    lm.studies.best_inside(RATES, [from_rate], functools.partial(score, chosen))
    return tried[max(tried)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_translation_direct")
    tried = {
        how: study.row(nearest, how=how, part="validation")["chrf"]
        for how in ("warping", "mean")
    }
    study.row(nearest, how=max(tried, key=lambda it: tried[it]), part="test")
    setting = None
    for data in ("prompts", "both"):
        setting = best(data, setting)
        for seed in SEEDS:
            study.row(direct, **setting, seed=seed)
        if data == "prompts":
            study.row(direct, **setting | {"start": "nothing"}, seed=SEEDS[0])
    study.save()
