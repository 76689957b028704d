from __future__ import annotations

import pytest

from largemodels.text import espeak

pytest.importorskip("espeakng_loader")


def test_letters_become_sounds_with_punctuation() -> None:
    assert espeak.phonemes("the quick brown fox") == "ðə kwˈɪk bɹˈaʊn fˈɑːks"
    assert espeak.phonemes("Press one, or two.") == "pɹˈɛs wˌʌn, ɔːɹ tˈuː."
    assert espeak.phonemes("3.5") != espeak.phonemes("3. 5")
    assert espeak.phonemes("") == "" and espeak.phonemes("...") == ""
    assert espeak.phonemes("bonjour", "fr").startswith("bɔ̃ʒ")


def test_the_voice_of_rules_speaks() -> None:
    sound, rate = espeak.speak("This conference is locked.")
    assert rate == 22_050 and 1 < len(sound) / rate < 4
    assert 0.1 < sound.abs().max() <= 1


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(espeak.EspeakError, match="no voice 'klingon-x'"):
        espeak.phonemes("a", "klingon-x")
