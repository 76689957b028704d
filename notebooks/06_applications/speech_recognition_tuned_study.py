"""Study of the chapter "Speech recognition": Whisper's decoder, fine-tuned on training prompts.

    make study NAME=06_applications/speech_recognition_tuned

One thread, about 6 minutes. Twelve steps of eight prompts each, as printed; the encoder stays.
The learning rate is chosen by the loss on 16 validation prompts.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from speech_recognition_whisper_study import model, parts
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

import largemodels as lm
from largemodels.data import speech
from largemodels.models.mel import whisper_features
from largemodels.models.whisper import Whisper
from largemodels.pretrained import whisper

STEPS, BATCH, N_VALIDATION = 12, 8, 16
RATES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


@functools.cache
def encoded(part: str, n: int) -> list[tuple[Tensor, Tensor]]:
    """Encoded sounds and tokens of some prompts of a part."""
    its = [it for it in parts()[part] if not set("[(<") & set(it.text)]
    found = []
    for at in np.random.default_rng(0).permutation(len(its))[:n]:
        features = whisper_features(speech.resampled(its[at].sound, whisper.RATE))
        with torch.no_grad():
            found.append(
                (model().model.encode(features[None])[0], model().encode(its[at].text))
            )
    return found


def loss(network: Whisper, its: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Mean cross-entropy of the tokens after those that start a text."""
    tokens = pad_sequence([it for _, it in its], batch_first=True, padding_value=-100)
    logits = network.logits(
        network.decode(tokens[:, :-1].clamp(min=0), torch.stack([it for it, _ in its]))
    )
    n_start = len(whisper.START) - 1
    return F.cross_entropy(
        logits[:, n_start:].flatten(0, 1), tokens[:, n_start + 1 :].flatten()
    )


@functools.cache
def fine_tuned(rate: float) -> Whisper:
    """A copy of Whisper, its decoder trained."""
    torch.manual_seed(0)
    network = copy.deepcopy(model().model)
    for it in (network.conv1, network.conv2, network.encoder, network.encoder_norm):
        it.requires_grad_(False)
    weights = [it for it in network.parameters() if it.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    its = encoded("train", STEPS * BATCH)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss(network, its[step * BATCH : (step + 1) * BATCH]).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 3) * (1 - step / STEPS)
        optimizer.step()
    return network


def tune(rate: float) -> dict[str, Any]:
    """Loss on validation prompts; a rate of zero leaves Whisper as it is."""
    network = fine_tuned(rate) if rate else model().model
    its = encoded("validation", N_VALIDATION)
    with torch.no_grad():
        return {"validation": float(np.mean([float(loss(network, [it])) for it in its]))}


def test(rate: float) -> dict[str, Any]:
    """What the fine-tuned Whisper writes for the test prompts."""
    its = [speech.resampled(it.sound, whisper.RATE) for it in parts()["test"]]
    old = model()
    writer = whisper.Transcriber(
        fine_tuned(rate), old.tokenizer, old.never, old.never_first
    )
    return {"part": "test", "said": writer.transcribe(its, at_once=1)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_recognition_tuned")

    def score(rate: float) -> float:
        """Validation loss at a learning rate."""
        found: float = study.row(tune, rate=rate)["validation"]
        return found

    study.row(tune, rate=0.0)
    best = lm.studies.best_inside(RATES, [1e-5], score)
    study.row(test, rate=best)
    study.save()
