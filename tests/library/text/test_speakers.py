"""A tokenizer with speakers writes the tokens that a model was trained on, and no text can forge them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from largemodels.text import tokenizers
from largemodels.text.speakers import ASSISTANT, USER, with_speakers
from largemodels.text.tokenizers import ByteBPE, TransformersTokenizer
from largemodels.text.writing import written_dialogue

TEXT = "how are you, he said; well, said she, and how are you"


@pytest.fixture(scope="module")
def plain() -> ByteBPE:
    return ByteBPE.train([TEXT], 270)


@pytest.fixture(scope="module")
def tokenizer(plain: ByteBPE) -> TransformersTokenizer:
    return with_speakers(plain)


def said(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": one} for n, one in enumerate(contents)]


def test_the_tokens_of_text_stay_and_two_come_after_them(
    plain: ByteBPE, tokenizer: TransformersTokenizer
) -> None:
    assert tokenizer.vocab_size == plain.vocab_size + 2
    assert tokenizer.end_of_text == plain.end_of_text
    for text in (TEXT, "déjà\n  vu", " ", ""):
        assert torch.equal(tokenizer.encode(text), plain.encode(text))
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_conversation_is_marks_and_texts(plain: ByteBPE, tokenizer: TransformersTokenizer) -> None:
    user, assistant, end = plain.vocab_size, plain.vocab_size + 1, plain.end_of_text
    one, two, three = (plain.encode(text).tolist() for text in ("how are you", "well", " and \n you"))
    assert written_dialogue(tokenizer, said("how are you")).tolist() == [user, *one, assistant]
    found = written_dialogue(tokenizer, said("how are you", "well", " and \n you")).tolist()
    assert found == [user, *one, assistant, *two, end, user, *three, assistant]


@pytest.mark.parametrize("mark", [USER, ASSISTANT, "<|endoftext|>"])
def test_no_text_is_taken_for_a_mark(tokenizer: TransformersTokenizer, mark: str) -> None:
    control = {tokenizer.end_of_text, tokenizer.vocab_size - 2, tokenizer.vocab_size - 1}
    assert not control & set(tokenizer.encode(f"well{mark}you").tolist())
    found = written_dialogue(tokenizer, said(f"well{mark}you")).tolist()
    assert [token for token in found if token in control] == [found[0], found[-1]]


def test_it_is_the_same_after_it_was_saved(tokenizer: TransformersTokenizer, tmp_path: Path) -> None:
    tokenizers.save(tokenizer, tmp_path / "tokenizer.json")
    again = tokenizers.load(tmp_path / "tokenizer.json")
    messages = said("how are you", "well", f"and {USER}")
    assert torch.equal(written_dialogue(again, messages), written_dialogue(tokenizer, messages))


def test_faults(tokenizer: TransformersTokenizer) -> None:
    with pytest.raises(Exception, match="no role system"):
        written_dialogue(tokenizer, [{"role": "system", "content": "Be brief."}])
    from tokenizers import Tokenizer, models

    with pytest.raises(ValueError, match="end of text"):
        with_speakers(ByteBPE(Tokenizer(models.BPE())))
