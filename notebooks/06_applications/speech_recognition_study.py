"""Study of the chapter "Speech recognition": which recogniser to train on a quarter of an hour.

    make study NAME=06_applications/speech_recognition

One thread, about 4 minutes. Kind of layers and learning rate are chosen on validation prompts
after short runs. Prompts above 15 seconds are left out. The other studies of the chapter train
longer what is chosen here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jiwer
import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models.recogniser import Recogniser, RecogniserConfig
from largemodels.objectives import ctc
from largemodels.training.config import TrainingConfig

STUDY = "06_applications/speech_recognition"
LONGEST = 15  # seconds
SIZES = {
    "recurrent": {"d_model": 256, "n_layer": 3, "stride": 3},
    "convolutional": {"d_model": 160, "n_layer": 8, "stride": 3},
}
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
EPOCH = 46  # batches
SHORT = 5 * EPOCH  # steps of a trial
START = ctc.encode(" ")


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


def trained(
    seed: int, kind: str, rate: float, steps: int
) -> tuple[Recogniser, list[float]]:
    """A recogniser, and its validation errors on the way."""
    torch.manual_seed(seed)
    model = Recogniser(RecogniserConfig(kind=kind, **SIZES[kind]))
    settings = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=EPOCH,
        final_fraction=0.02,
        weight_decay=0.01,
        evaluate_every=max(SHORT, steps // 6),
        precision="bf16",
    )
    history = lm.train(
        model,
        speech.speech_batches(parts()["train"], seed),
        settings,
        lambda: {"word_error": word_error(model)},
    )
    return model.eval(), [round(it, 4) for it in history["word_error"]]


@torch.no_grad()
def heard(model: Recogniser, sounds: list[Tensor]) -> list[Tensor]:
    """Log-probabilities of the letters, ``(frames, letters)`` for each sound."""
    return [model(*speech.spectrograms([it]))[0] for it in sounds]


def word_error(model: Recogniser) -> float:
    """Share of wrong words in validation prompts, greedy."""
    its = parts()["validation"]
    said = [ctc.decode(ctc.greedy(it)) for it in heard(model, [it.sound for it in its])]
    return float(jiwer.wer([it.words for it in its], said))


def letter_error(model: Recogniser) -> float:
    """Share of wrong letters in validation prompts, greedy, which tells more after a short run."""
    its = parts()["validation"]
    said = [ctc.decode(ctc.greedy(it)) for it in heard(model, [it.sound for it in its])]
    return float(jiwer.cer([it.words for it in its], said))


@functools.cache
def letters(order: int) -> Callable[[tuple[int, ...]], Tensor]:
    """A model of letters that has read the words of the training prompts."""
    text = ctc.encode(" ".join(["", *(it.words for it in parts()["train"]), ""]))
    model = lm.NGram(order, len(ctc.LETTERS)).fit(text.numpy())

    def after(before: tuple[int, ...]) -> Tensor:
        context = np.array([*START.tolist(), *before])
        return torch.from_numpy(np.log(model.next_probs(context)))

    return after


def beam(
    scores: list[Tensor], order: int, weight: float, bonus: float, n_beam: int = 12
) -> list[str]:
    """Texts found by beam search; order 0: no model of letters."""
    language = letters(order) if order else None
    found = (ctc.beam_search(it, n_beam, language, weight, bonus) for it in scores)
    return [ctc.decode(it) for it in found]


def trial(kind: str, rate: float, steps: int) -> dict[str, Any]:
    """Letters wrong on validation prompts after a short run."""
    model, _ = trained(0, kind, rate, steps)
    return {"validation": letter_error(model), "parameters": model.n_parameters()}


def chosen() -> dict[str, Any]:
    """Kind of layers and learning rate with the fewest wrong letters."""
    rows = lm.studies.load(STUDY)
    row = rows.loc[rows.validation.idxmin()]
    return {"kind": str(row.kind), "rate": float(row.rate)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    for kind in SIZES:

        def score(rate: float, kind: str = kind) -> float:
            """Validation error at a learning rate."""
            found: float = study.row(trial, kind=kind, rate=rate, steps=SHORT)["validation"]
            return found

        lm.studies.best_inside(RATES, [3e-3], score)
    study.save()
