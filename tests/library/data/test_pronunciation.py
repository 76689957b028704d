"""Letters and sounds of the CMU dictionary."""

import pytest

from largemodels.data.pronunciation import (
    END,
    LETTERS,
    SOUNDS,
    START,
    Word,
    decode,
    edits,
    encode,
    families,
    nearest,
    pronunciations,
)


@pytest.fixture(scope="module")
def parts():
    return pronunciations()


def test_parts_and_sizes(parts):
    assert {name: len(words) for name, words in parts.items()} == {
        "training": 99_551,
        "validation": 5_894,
        "test": 12_022,
    }
    assert {sound for words in parts.values() for w in words for said in w.sounds for sound in said} == set(
        SOUNDS[3:]
    )


def test_parts_share_no_word_and_no_family(parts):
    of = families([word.letters for words in parts.values() for word in words])
    homes = {}
    for name, words in parts.items():
        for word in words:
            assert homes.setdefault(of[word.letters], name) == name
    assert len({word.letters for words in parts.values() for word in words}) == 99_551 + 5_894 + 12_022


def test_inflected_forms_are_one_family():
    words = [
        "walk",
        "walks",
        "walked",
        "walking",
        "walker",
        "talk",
        "baking",
        "bake",
        "city",
        "cities",
        "stopped",
        "stop",
    ]
    of = families(words)
    assert len({of[word] for word in words[:5]}) == 1
    for one, other in (("baking", "bake"), ("city", "cities"), ("stopped", "stop")):
        assert of[one] == of[other]
    assert of["talk"] != of["walk"]


def test_variants_are_kept_with_their_word(parts):
    by_name = {word.letters: word for words in parts.values() for word in words}
    assert set(by_name["read"].sounds) == {("R", "EH", "D"), ("R", "IY", "D")}
    assert by_name["phonetics"].sounds[0] == ("F", "AH", "N", "EH", "T", "IH", "K", "S")


def test_tokens_go_there_and_back():
    tokens = encode([("F", "OW", "N"), ("T", "UW")], SOUNDS, start=True)
    assert tokens.shape == (2, 5)
    assert tokens[1].tolist()[0] == START and tokens[1].tolist()[3:] == [END, 0]
    assert [decode(row, SOUNDS) for row in tokens.tolist()] == [("F", "OW", "N"), ("T", "UW")]
    with pytest.raises(ValueError, match="Not in the alphabet: é"):
        encode(["café"], LETTERS)


def test_edits():
    assert edits("kitten", "sitting") == edits("sitting", "kitten") == 3
    assert edits("", "abc") == 3
    assert nearest(("R", "IY", "T"), Word("read", (("R", "EH", "D"), ("R", "IY", "D")))) == (1, 3)
