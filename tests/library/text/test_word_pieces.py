"""Word pieces: the same vocabulary each time, the pieces of a word, batches, what has no piece."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from largemodels.text import word_pieces as w
from largemodels.text.word_pieces import WordPieces

TEXTS = ["the newest and the lowest", "Widest, newest, lowest!", "low low lower new newer wide wider"] * 21
SMALL = WordPieces([*w.SPECIAL, "un", "##happi", "##ly", "happy", "!", "##s"])


def test_a_word_becomes_its_longest_pieces_from_the_left() -> None:
    tokens = SMALL.encode("Unhappily happy!")
    assert SMALL.pieces(tokens) == ["un", "##happi", "##ly", "happy", "!"]
    assert SMALL.decode(tokens) == "unhappily happy !"
    assert SMALL.encode("Ünhappily").tolist() == tokens[:3].tolist()  # accents are lost
    assert SMALL.encode("sad").tolist() == [w.UNKNOWN]
    assert SMALL.encode("").shape == (0,)


def test_training_learns_frequent_words_and_pieces() -> None:
    pieces = WordPieces.train(TEXTS, 60)
    assert {"low", "new", "##st"} <= {*pieces.vocabulary}
    assert pieces.vocab_size <= 60
    for text in TEXTS[:3]:
        assert w.UNKNOWN not in pieces.encode(text)
    assert pieces.decode(pieces.encode("lowest wide")) == "lowest wide"


def test_another_process_learns_the_same() -> None:
    """With another seed of the hashes, and the texts in another order."""
    code = (
        "from largemodels.text.word_pieces import WordPieces\n"
        f"print(WordPieces.train({TEXTS[::-1]!r}, 45).vocabulary)"
    )
    for _ in range(3):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == str(WordPieces.train(TEXTS, 45).vocabulary)


def test_rare_characters_have_no_piece() -> None:
    texts = [*TEXTS, "new ж"]
    pieces = WordPieces.train(texts, 60)
    assert pieces.encode("new ж newest").tolist().count(w.UNKNOWN) == 1
    assert w.UNKNOWN not in WordPieces.train(texts, 60, at_least=1).encode("new ж")


def test_texts_stand_side_by_side_in_a_batch() -> None:
    tokens, mask = SMALL.batch(["happy", "unhappily happy !"], 6)
    assert tokens.tolist() == [[w.START, 8, w.END, 0, 0, 0], [w.START, 5, 6, 7, 8, w.END]]
    torch.testing.assert_close(mask, tokens != w.PAD)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [(["a", *w.SPECIAL], "must be"), ([*w.SPECIAL, "a", "a"], "twice")],
)
def test_a_wrong_vocabulary_is_refused(vocabulary: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordPieces(vocabulary)


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="vocab_size must be at least"):
        WordPieces.train(TEXTS, 12)
    with pytest.raises(ValueError, match="surrogate"):
        SMALL.encode("\ud800")
