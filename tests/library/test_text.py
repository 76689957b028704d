from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from largemodels.data.text import TEST, VALIDATION, batches, shakespeare
from largemodels.tokenizers import CharTokenizer


def test_the_parts_share_no_document() -> None:
    corpus = shakespeare()
    assert len(corpus.train) == 38
    assert tuple(corpus.validation) == VALIDATION
    assert tuple(corpus.test) == TEST
    assert not corpus.train.keys() & (corpus.validation.keys() | corpus.test.keys())
    assert "Is this a dagger which I see before me" in corpus.text("test")
    assert "dagger which I see before me" not in corpus.text("train")
    assert 4_500_000 < len(corpus.text("train")) < 4_700_000


def test_no_speaker_of_a_held_out_play_speaks_in_training() -> None:
    """The reason for the choice of plays: a shared person would be a leak."""
    corpus = shakespeare()
    assert "MALVOLIO" not in corpus.text("train").upper()
    assert "MACBETH" not in corpus.text("train").upper()


def test_batches_depend_on_seed_and_number_alone() -> None:
    tokens = torch.arange(100)
    three = list(itertools.islice(batches(tokens, 4, 9, seed=5), 3))
    (third,) = itertools.islice(batches(tokens, 4, 9, seed=5, start=2), 1)
    assert torch.equal(third[0], three[2][0])
    assert not torch.equal(three[0][0], three[1][0])
    (other,) = itertools.islice(batches(tokens, 4, 9, seed=6), 1)
    assert not torch.equal(other[0], three[0][0])


def test_targets_are_the_next_tokens_and_all_are_drawn() -> None:
    tokens = torch.arange(13)
    some = list(itertools.islice(batches(tokens, 5, 11, seed=0), 20))
    for inputs, targets in some:
        assert inputs.shape == targets.shape == (5, 11)
        assert torch.equal(targets, inputs + 1)
    assert {int(inputs[i, 0]) for inputs, _ in some for i in range(5)} == {0, 1}
    assert max(int(targets.max()) for _, targets in some) == 12


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        next(batches(torch.arange(9), 2, 9, seed=0))


@given(st.text(min_size=1))
def test_characters_round_trip(text: str) -> None:
    tokenizer = CharTokenizer(text)
    tokens = tokenizer.encode(text)
    assert tokens.dtype == torch.int64
    assert tokenizer.decode(tokens) == text
    assert tokenizer.vocab_size == len(set(text))


def test_an_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match="No token for 'é'"):
        CharTokenizer("abc").encode("cabé")
