"""Study of the chapter "Speech recognition": are convolutions worse, or only slower to learn?

    make study NAME=06_applications/speech_recognition_convolutions

One thread, about 2 minutes. The better learning rate of the convolutional network of the first
study, over as many passes as the recurrent one; both on validation prompts, with the same help of
letters.
"""

from __future__ import annotations

from typing import Any

import torch
from speech_recognition_beam_study import model as recurrent
from speech_recognition_long_study import STEPS, helped
from speech_recognition_noise_study import help_of_letters
from speech_recognition_study import STUDY, heard, parts, trained

import largemodels as lm
from largemodels.objectives import ctc


def written(kind: str) -> dict[str, Any]:
    """What is written for the validation prompts."""
    if kind == "recurrent":
        network = recurrent()
    else:
        rows = lm.studies.load(STUDY)
        rows = rows[rows.kind == kind]
        network, _ = trained(0, kind, float(rows.loc[rows.validation.idxmin()].rate), STEPS)
    scores = heard(network, [it.sound for it in parts()["validation"]])
    return {
        "greedy": [ctc.decode(ctc.greedy(it)) for it in scores],
        "letters": helped(scores, *help_of_letters()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(f"{STUDY}_convolutions")
    for kind in ("recurrent", "convolutional"):
        study.row(written, kind=kind)
    study.save()
