from __future__ import annotations

import math

import pytest
import torch

pytest.importorskip("onnxruntime")
pytest.importorskip("espeakng_loader")

from largemodels.data import registry
from largemodels.data.registry import DataError
from largemodels.pretrained.piper import Voice, load_voice

TEXT = "This conference is locked."


@pytest.fixture(scope="module")
def voice() -> Voice:
    try:
        registry.files("voice_joe")
    except DataError as error:
        pytest.skip(str(error))
    return load_voice()


def test_what_the_network_reads(voice: Voice) -> None:
    numbers = voice.numbers("the")
    assert numbers[:2] == [1, 0] and numbers[-1] == 2  # start, blank … end
    assert numbers[3::2] == [0] * len(numbers[3::2])  # a blank after each sound
    assert len(voice.numbers("the fox.")) > len(voice.numbers("the fox"))


def test_it_speaks_and_is_the_same_for_a_seed(voice: Voice) -> None:
    sound = voice.speak(TEXT)
    assert voice.rate == 22_050 and 0.8 < len(sound) / voice.rate < 3
    assert sound.abs().max() > 0.1 and torch.isfinite(sound).all()
    assert not torch.equal(voice.speak(TEXT), sound)
    assert torch.equal(load_voice().speak(TEXT), load_voice().speak(TEXT))
    assert torch.equal(voice.speak(TEXT, 0, 0), voice.speak(TEXT, 0, 0))


def test_whisper_reads_it_back(voice: Voice) -> None:
    from scipy.signal import resample_poly

    from largemodels.pretrained.whisper import RATE, load_whisper

    try:
        listener = load_whisper()
    except DataError as error:
        pytest.skip(str(error))
    common = math.gcd(RATE, voice.rate)
    heard = resample_poly(voice.speak(TEXT, 0, 0).numpy(), RATE // common, voice.rate // common)
    assert listener.transcribe([torch.from_numpy(heard.astype("float32"))]) == [TEXT]
