"""Study of the chapter "Speech recognition": what its other studies left open.

    make study NAME=06_applications/speech_recognition_checks

One thread, about 10 minutes. The long training once more, with another seed and with
convolutions; Whisper's decoder scores the texts of a list; the trained recogniser hears noise with
the training set's scale of loudness; and Whisper is fine-tuned at a rate chosen by word errors.
"""

from __future__ import annotations

from typing import Any

import jiwer
import torch
import torch.nn.functional as F
from speech_recognition_beam_study import model as recogniser
from speech_recognition_guarded_study import NOISY, log_mel, training_scale
from speech_recognition_long_study import STEPS, helped
from speech_recognition_noise_study import help_of_letters
from speech_recognition_study import STUDY, chosen, heard, parts, trained
from speech_recognition_tuned_study import RATES, fine_tuned
from speech_recognition_whisper_study import model as transcriber
from speech_recognition_whisper_study import sounds
from torch.nn.utils.rnn import pad_sequence

import largemodels as lm
from largemodels.data import speech
from largemodels.models.mel import whisper_features
from largemodels.objectives import ctc
from largemodels.pretrained import whisper
from largemodels.text.spoken import spoken

CONVOLUTIONAL_RATES = (3e-3, 1e-2)  # after short runs the second was the best of four
N_VALIDATION = 24  # prompts by whose word errors the rate of fine-tuning is chosen


def longer(seed: int, kind: str, rate: float, steps: int) -> dict[str, Any]:
    """What a recogniser that was trained longer writes for the test prompts."""
    model, errors = trained(seed, kind, rate, steps)
    scores = heard(model, [it.sound for it in parts()["test"]])
    return {
        "curve": errors,
        "validation": errors[-1],
        "parameters": model.n_parameters(),
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores],
        "letters": helped(scores, *help_of_letters()),
    }


@torch.no_grad()
def pick() -> dict[str, Any]:
    """Which of the different texts of the test is meant, the likeliest by Whisper's decoder."""
    its, network = parts()["test"], transcriber().model
    printed: dict[str, str] = {}
    for it in its:
        printed.setdefault(it.words, it.text)
    texts = sorted(printed)
    tokens = [transcriber().encode(printed[it]) for it in texts]
    n_start = len(whisper.START) - 1
    targets = pad_sequence(tokens, batch_first=True, padding_value=-100)[:, n_start + 1 :]
    read = pad_sequence(tokens, batch_first=True)[:, :-1]
    chosen = []
    for it in its:
        features = whisper_features(speech.resampled(it.sound, whisper.RATE))
        memory = network.encode(features[None])
        losses: list[float] = []
        for at in range(0, len(texts), 16):
            part = slice(at, at + 16)
            hidden = network.decode(read[part], memory.expand(len(read[part]), -1, -1))
            logits = network.logits(hidden[:, n_start:])
            losses += (
                F.cross_entropy(logits.mT, targets[part], reduction="none")
                .sum(dim=1)
                .tolist()
            )
        chosen.append(min(range(len(texts)), key=losses.__getitem__))
    return {"chosen": chosen, "right": [texts.index(it.words) for it in its]}


@torch.no_grad()
def scaled(how: str, level: float) -> dict[str, Any]:
    """What the trained recogniser writes under noise with the training set's scale."""
    mean, deviation = training_scale()
    scores = []
    for it in sounds(how, level):
        x = (log_mel(it) - mean) / (deviation + 1e-3)
        scores.append(recogniser()(x[None], torch.tensor([len(x)]))[0])
    return {
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores],
        "letters": helped(scores, *help_of_letters()),
    }


def writer(rate: float) -> whisper.Transcriber:
    """Whisper, fine-tuned; as it is at a rate of zero."""
    old = transcriber()
    if not rate:
        return old
    return whisper.Transcriber(fine_tuned(rate), old.tokenizer, old.never, old.never_first)


def written(rate: float, part: str, n: int) -> list[str]:
    """What it writes for the first prompts of a part."""
    its = [speech.resampled(it.sound, whisper.RATE) for it in parts()[part][:n]]
    return [spoken(it) for it in writer(rate).transcribe(its, at_once=1)]


def tune(rate: float) -> dict[str, Any]:
    """Words wrong on validation prompts after fine-tuning."""
    words = [it.words for it in parts()["validation"][:N_VALIDATION]]
    found = float(jiwer.wer(words, written(rate, "validation", N_VALIDATION)))
    return {"validation": round(found, 5)}


def test(rate: float) -> dict[str, Any]:
    """What the fine-tuned Whisper writes for the test prompts."""
    return {"said": written(rate, "test", len(parts()["test"]))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_checks")
    for how, level in NOISY:
        study.row(scaled, how=how, level=level)
    study.row(pick)
    best = chosen()
    study.row(longer, seed=1, steps=STEPS, **best)
    for rate in CONVOLUTIONAL_RATES:
        study.row(longer, seed=0, kind="convolutional", rate=rate, steps=STEPS)
    found = {rate: study.row(tune, rate=rate)["validation"] for rate in (0.0, *RATES[:-1])}
    study.row(test, rate=min(RATES[:-1], key=found.__getitem__))
    study.save()
