"""The task of spelling words backwards."""

import pytest

from largemodels.data.spelling import decode, distinct_words, encode, spelled_backwards


def test_sequences_hold_the_word_and_its_reverse():
    tokens, targets = spelled_backwards(["ab", "cat"])
    assert [decode(row) for row in tokens.tolist()] == ["ab→ba..", "cat→tac"]
    assert targets.tolist() == [
        [-100, -100, *encode("ba"), 0, -100, -100],
        [-100, -100, -100, *encode("tac"), 0],
    ]


def test_words_are_distinct_and_within_the_lengths():
    text = "The king; the KING's men, o'er nought: abcdefghijk"
    words = distinct_words(text, 3, 10, seed=0)
    assert sorted(words) == ["king", "men", "nought", "the"]
    assert words == distinct_words(text, 3, 10, seed=0) != distinct_words(text, 3, 10, seed=1)


@pytest.mark.parametrize("word", ["", "don't", "Naïve", "a b"])
def test_other_characters_are_refused(word):
    with pytest.raises(ValueError, match="letters a to z"):
        encode(word)
