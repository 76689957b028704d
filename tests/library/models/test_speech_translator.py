from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.mel import whisper_features
from largemodels.models.speech_translator import SpeechTranslator, SpeechTranslatorConfig, sound_states
from largemodels.models.whisper import Whisper, WhisperConfig
from largemodels.text.bilingual import END, START, translated

CONFIG = SpeechTranslatorConfig(
    vocab_size=17,
    context_length=13,
    n_layer=1,
    n_head=3,
    d_model=15,
    d_hidden=21,
    norm_first=True,
    d_source=10,
)


def test_config() -> None:
    with pytest.raises(ValueError, match="sinusoidal"):
        SpeechTranslatorConfig(position="learned")
    with pytest.raises(ValueError, match="d_source"):
        SpeechTranslatorConfig(d_source=0)


def test_too_long() -> None:
    with pytest.raises(ValueError, match="14 states"):
        SpeechTranslator(CONFIG).encode(torch.randn(1, 14, 10))


def test_states_of_a_sound() -> None:
    torch.manual_seed(0)
    model = Whisper(
        WhisperConfig(vocab_size=5, n_layer=1, n_decoder_layer=1, n_head=2, d_model=10, d_hidden=7)
    ).eval()
    sound = torch.randn(20_001)
    found = sound_states(model, sound)
    assert found.shape == (16, 10)  # 1280 samples each, the last of them begun
    with torch.no_grad():
        all_states = model.encode(whisper_features(sound, seconds=3)[None])[0]
    assert_close(found[3], all_states[12:16].mean(0))
    with pytest.raises(ValueError, match="28 seconds"):
        sound_states(model, torch.zeros(29 * 16_000))


def test_a_small_one_learns_and_beam_search_writes() -> None:
    torch.manual_seed(0)
    model = SpeechTranslator(CONFIG)
    source = torch.randn(2, 5, 10)
    target = torch.tensor([[START, 5, 6, END], [START, 9, 7, END]])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(source, target, torch.ones(2, 5).bool(), torch.ones(2, 4).bool()).backward()
        optimizer.step()
    for n_beam in (1, 3):
        said = translated(model, list(source), n_beam, n_new=6)
        assert [it[: it.index(END)] for it in said] == [[5, 6], [9, 7]]
