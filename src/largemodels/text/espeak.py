"""Letters to sounds, and the voice of rules: the program eSpeak NG, called as a library.

eSpeak NG (https://github.com/espeak-ng/espeak-ng, GPL 3 or later, a separate program) has rules and exceptions for how
the letters of a language are said, and makes a voice from formants, the resonances of a throat, as its manual says.
It comes with the package ``espeakng-loader``, so that nothing need be installed with root privileges.
"""

from __future__ import annotations

import ctypes
import functools
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

_SYNCHRONOUS, _UTF8, _IPA, _END_PAUSE = 2, 1, 2, 0x1000
_NO_EXIT = 0x8000  # an error is returned, the process goes on
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_CLAUSE = re.compile(r"([.,:;?!]+)(?=\s|$)")
_REMARK = re.compile(r"\([a-z-]+\)")  # a change of language


class EspeakError(RuntimeError):
    """eSpeak NG is missing or does not work; the message says what to do."""


class _Program:
    """The loaded library, which exists once in a process."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise EspeakError("eSpeak NG is missing. Run: pip install espeakng-loader") from None
        self.library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 0, data, _NO_EXIT)
        if self.rate <= 0:
            raise EspeakError(
                "eSpeak NG does not find its data. Run: pip install --force-reinstall espeakng-loader"
            )
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.pieces: list[Any] = []
        self.callback = _CALLBACK(self._heard)  # kept here, or Python would free it
        self.library.espeak_SetSynthCallback(self.callback)

    def _heard(self, samples: Any, n: int, _events: Any) -> int:
        if samples and n:
            self.pieces.append(np.ctypeslib.as_array(samples, (n,)).copy())
        return 0

    def voice(self, name: str) -> None:
        """Choose a voice.

        Raises:
            EspeakError: if there is no such voice.
        """
        if self.library.espeak_SetVoiceByName(name.encode()):
            raise EspeakError(f"eSpeak NG has no voice {name!r}.")


@functools.cache
def _program() -> _Program:
    return _Program()


def phonemes(text: str, voice: str = "en-us") -> str:
    """How a text is said, in letters of the International Phonetic Alphabet, with its punctuation.

    Args:
        text: in the voice's language.
        voice: a voice of eSpeak NG.

    Raises:
        EspeakError: if eSpeak NG or the voice is missing.
    """
    program = _program()
    program.voice(voice)
    # eSpeak NG leaves punctuation out, so it is called for each clause.
    parts = _CLAUSE.split(text)
    clauses = zip(parts[::2], [*(it[-1] for it in parts[1::2]), ""], strict=True)
    said = ((_of_clause(program, clause), sign) for clause, sign in clauses)
    return " ".join(clause + sign for clause, sign in said if clause)


def _of_clause(program: _Program, clause: str) -> str:
    letters = ctypes.create_string_buffer(clause.encode())  # kept here while eSpeak NG reads it
    rest = ctypes.c_void_p(ctypes.addressof(letters))
    found = []
    while rest.value:
        part = program.library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
        found.append((part or b"").decode())
    return _REMARK.sub("", " ".join(found)).strip()


def speak(text: str, voice: str = "en-us") -> tuple[Tensor, int]:
    """A text in the voice that eSpeak NG makes from formants: ``(samples,)`` from -1 to 1, and samples a second.

    The same text does not sound quite the same each time: it depends on what this process has had said before.

    Args:
        text: in the voice's language.
        voice: a voice of eSpeak NG.

    Raises:
        EspeakError: if eSpeak NG or the voice is missing.
    """
    program = _program()
    program.voice(voice)
    program.pieces.clear()
    said = text.encode()
    program.library.espeak_Synth(said, len(said) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
    program.library.espeak_Synchronize()
    samples = np.concatenate([np.zeros(0, np.int16), *program.pieces])
    return torch.from_numpy(samples.astype(np.float32) / 32768), program.rate
