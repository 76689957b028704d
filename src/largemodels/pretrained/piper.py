"""A trained voice: VITS, which makes a waveform from the sounds of a text in one network.

Kim et al., 2021 (https://arxiv.org/abs/2106.06103), as the program Piper trains it. The network is a graph of ONNX that
``onnxruntime`` computes; the package that brings it is data, read and never run. Letters become sounds by the rules of
eSpeak NG, see :mod:`largemodels.text.espeak`, with which the voice was trained. See the card ``voice_joe.md``.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.registry import files
from ..text.espeak import phonemes


class Voice:
    """A voice, ready to speak.

    Attributes:
        rate: samples a second.
    """

    def __init__(self, session: Any, settings: dict[str, Any]) -> None:
        self._session = session
        self._numbers: dict[str, list[int]] = settings["phoneme_id_map"]
        self._language: str = settings["espeak"]["voice"]
        self._scales: dict[str, float] = settings["inference"]
        self.rate: int = settings["audio"]["sample_rate"]

    def numbers(self, text: str) -> list[int]:
        """What the network reads for a text: start, a number for each sound with a blank after it, end."""
        sounds = unicodedata.normalize("NFD", phonemes(text, self._language))
        blank = self._numbers["_"]
        known = (self._numbers[it] + blank for it in sounds if it in self._numbers)
        return [*self._numbers["^"], *blank, *(n for it in known for n in it), *self._numbers["$"]]

    def speak(self, text: str, noise: float | None = None, rhythm: float | None = None) -> Tensor:
        """A text in this voice: ``(samples,)``, from -1 to 1, :attr:`rate` samples a second.

        Args:
            text: English.
            noise: spread of what is drawn for the sound; None: as the voice's makers set it; 0: the same each time.
            rhythm: spread of what is drawn for the lengths of sounds; likewise.
        """
        numbers = np.array([self.numbers(text)], np.int64)
        scales = self._scales
        chosen = [
            scales["noise_scale"] if noise is None else noise,
            scales["length_scale"],
            scales["noise_w"] if rhythm is None else rhythm,
        ]
        given = {
            "input": numbers,
            "input_lengths": np.array([numbers.shape[1]], np.int64),
            "scales": np.array(chosen, np.float32),
        }
        return torch.from_numpy(self._session.run(None, given)[0].reshape(-1)).clamp(-1, 1)


def load_voice(seed: int = 0, *, unchecked: bool = False) -> Voice:
    """The voice "joe" of Piper, American English, medium quality.

    Args:
        seed: of what the network draws, from the first text on; the same texts in the same order sound the same.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the voice is missing or damaged.
    """
    import onnxruntime

    found = files("voice_joe", unchecked=unchecked)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    onnxruntime.set_seed(seed)
    session = onnxruntime.InferenceSession(
        found["en_US-joe-medium.onnx"].read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    settings = json.loads(found["en_US-joe-medium.onnx.json"].read_text(encoding="utf-8"))
    return Voice(session, settings)
