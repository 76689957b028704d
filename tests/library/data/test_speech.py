from __future__ import annotations

import itertools

import pytest
import torch

from largemodels.data import speech
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def english() -> list[speech.Prompt]:
    installed("prompts-en", "prompts-en-texts")
    return speech.prompts()


def test_prompts(english: list[speech.Prompt]) -> None:
    assert len(english) == 551
    assert 24 < sum(it.seconds for it in english) / 60 < 24.5
    by_key = {it.key: it for it in english}
    assert by_key["dictate/forhelp"].words == "press zero for help"
    assert by_key["spy-misdn"].words == "misdn" and by_key["spy-iax2"].words == "iax"
    assert not {"beep", "tt-monkeys", "silence/1", "confbridge-join"} & set(by_key)
    assert by_key["digits/1"].sound.dtype == torch.float32 and by_key["digits/1"].sound.abs().max() <= 1


def test_french_has_the_same_keys(english: list[speech.Prompt]) -> None:
    installed("prompts-fr", "prompts-fr-texts")
    french = speech.prompts("fr")
    assert len(french) == 509 and len({it.key for it in french} & {it.key for it in english}) == 508
    with pytest.raises(ValueError, match="language"):
        speech.prompts("de")


def test_parts_share_no_group_and_no_words(english: list[speech.Prompt]) -> None:
    for seed in (0, 1):
        parts = speech.split(english, seed)
        assert sum(map(len, parts.values())) == len(english)
        for one, other in itertools.combinations(parts.values(), 2):
            assert not {it.group for it in one} & {it.group for it in other}
            assert not {it.words for it in one} & {it.words for it in other}
        share = sum(it.seconds for it in parts["test"]) / sum(it.seconds for it in english)
        assert 0.19 < share < 0.26
    assert speech.split(english, 0)["test"] != speech.split(english, 1)["test"]


def test_batches(english: list[speech.Prompt]) -> None:
    short = [it for it in english if it.seconds < 2][:30]
    first, second = itertools.islice(speech.speech_batches(short, n_frames=700), 2)
    (again,) = itertools.islice(speech.speech_batches(short, start=1, n_frames=700), 1)
    assert torch.equal(second["x"], again["x"]) and first["x"].shape[2] == 40
    assert first["lengths"].max() == first["x"].shape[1]
    plain = next(speech.speech_batches(short, n_frames=700, altered=False))
    assert plain["letters"].max() == plain["texts"].shape[1]


def test_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    sound, noise = torch.randn(8000), 5 * torch.randn(8000)
    added = speech.noisy(sound, 10, noise) - sound
    assert float(10 * (sound.square().mean() / added.square().mean()).log10()) == pytest.approx(10, abs=1e-3)
    low = torch.sin(torch.arange(8000) * 2 * torch.pi * 300 / 8000)
    power = torch.fft.rfft(speech.speech_shaped_noise(8000, [low], generator)).abs().square()
    assert power[250:350].sum() > 0.99 * power.sum()
    assert len(speech.resampled(sound, 16_000)) == 16_000
