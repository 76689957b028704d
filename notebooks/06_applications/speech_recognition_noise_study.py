"""Study of the chapter "Speech recognition": the recogniser of the first study under the same
conditions as Whisper.

    make study NAME=06_applications/speech_recognition_noise

One thread, about 2 minutes. It also picks the test prompt that is meant out of all that are in
the test, by the probability that CTC gives to each.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from speech_recognition_beam_study import model
from speech_recognition_long_study import helped
from speech_recognition_study import STUDY, heard, parts
from speech_recognition_whisper_study import CONDITIONS, sounds

import largemodels as lm
from largemodels.objectives import ctc


@functools.cache
def help_of_letters() -> tuple[int, float, float]:
    """Order, weight and bonus that were chosen."""
    rows = lm.studies.load(f"{STUDY}_beam")
    row = rows[rows.part == "test"].iloc[0]
    return int(row.order), float(row.weight), float(row.bonus)


def ask(how: str, level: float) -> dict[str, Any]:
    """What the recogniser writes, without and with the model of letters."""
    scores = heard(model(), sounds(how, level))
    return {
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores],
        "letters": helped(scores, *help_of_letters()),
    }


@torch.no_grad()
def pick() -> dict[str, Any]:
    """Which of the different texts of the test is meant, the likeliest by CTC: its number, and the
    right one.
    """
    its = parts()["test"]
    texts = sorted({it.words for it in its})
    codes = [ctc.encode(it) for it in texts]
    chosen = []
    for scores in heard(model(), [it.sound for it in its]):
        losses = F.ctc_loss(
            scores[:, None].expand(-1, len(texts), -1),
            torch.nn.utils.rnn.pad_sequence(codes, batch_first=True),
            torch.full((len(texts),), len(scores)),
            torch.tensor([len(it) for it in codes]),
            reduction="none",
        )
        chosen.append(int(losses.argmin()))
    right = [texts.index(it.words) for it in its]
    return {
        "texts": len(texts),
        "chosen": chosen,
        "right": right,
        "share": 100 * float(np.mean(np.equal(chosen, right))),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_noise")
    study.row(pick)
    for how, level in CONDITIONS:
        study.row(ask, how=how, level=level)
    study.save()
