from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Fast
from tokenizers import models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from largemodels.pretrained.smollm2 import smollm2
from largemodels.text import tokenizers
from largemodels.text.tokenizers import (
    END_OF_TEXT,
    ByteBPE,
    CharTokenizer,
    Tokenizer,
    TransformersTokenizer,
)

LEARNED_FROM = [
    "To be, or not to be: that is the question. " * 5,
    "naïve café, 你好 你好 🙂🙂",
    "to be to be",
]


def byte_pairs(vocab_size: int = 300) -> ByteBPE:
    return ByteBPE.train(LEARNED_FROM, vocab_size)


def wrapped() -> TransformersTokenizer:
    fast = Fast.from_str(json.dumps(byte_pairs().to_json()["tokenizer"]))
    return TransformersTokenizer(PreTrainedTokenizerFast(tokenizer_object=fast, eos_token=END_OF_TEXT))


BYTE_LEVEL = {"byte pairs": byte_pairs(), "transformers": wrapped()}
ALL = BYTE_LEVEL | {"characters": CharTokenizer("".join(LEARNED_FROM) + END_OF_TEXT)}


@settings(deadline=None)  # milliseconds say nothing on a busy machine
@given(st.text())
def test_characters_round_trip(text: str) -> None:
    tokenizer = CharTokenizer(text)
    tokens = tokenizer.encode(text)
    assert tokens.dtype == torch.int64
    assert tokens.shape == (len(text),)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.vocab_size == len(set(text))


@pytest.fixture(scope="module")
def smollm2_tokenizer() -> TransformersTokenizer:
    return TransformersTokenizer(AutoTokenizer.from_pretrained(smollm2()))


LOST_BY_SMOLLM2 = [*map(chr, (0x04, 0x06, 0x13, 0x14, 0x16, 0x1D)), "\U00040000", "\U000bffff"]
"""Six control characters, and the first and the last code point of the planes 4 to 11 (UTF-8: bytes F1 and F2)."""


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters=LOST_BY_SMOLLM2)))
def test_a_real_tokenizer_round_trips(smollm2_tokenizer: TransformersTokenizer, text: str) -> None:
    assert smollm2_tokenizer.decode(smollm2_tokenizer.encode(text)) == text


@pytest.mark.parametrize("character", LOST_BY_SMOLLM2, ids=ascii)
def test_what_a_real_tokenizer_loses_is_what_its_description_says(
    smollm2_tokenizer: TransformersTokenizer, character: str
) -> None:
    assert smollm2_tokenizer.decode(smollm2_tokenizer.encode(character)) != character


def test_what_is_next_to_the_lost_is_kept(smollm2_tokenizer: TransformersTokenizer) -> None:
    for text in ("\U0003ffff", "\U000c0000", "\U0010ffff", "\x03\x05\x07\x15\x17\x1c\x1e"):
        assert smollm2_tokenizer.decode(smollm2_tokenizer.encode(text)) == text


@pytest.mark.parametrize("kind", BYTE_LEVEL)
@settings(deadline=None)
@given(text=st.text())
def test_every_unicode_text_round_trips(kind: str, text: str) -> None:
    tokenizer = BYTE_LEVEL[kind]
    tokens = tokenizer.encode(text)
    assert tokens.dtype == torch.int64
    assert tokens.ndim == 1
    assert tokenizer.decode(tokens) == text
    assert tokenizer.decode(tokens.tolist()) == text


@pytest.mark.parametrize("kind", BYTE_LEVEL)
@pytest.mark.parametrize(
    "text", ["", "\r\n\t\x00", "e\u0301 é", "\ufffd\ufeff", " . , 's  ", "👩‍👩‍👧", "\U0010ffff"]
)
def test_what_others_normalise_away_round_trips(kind: str, text: str) -> None:
    assert BYTE_LEVEL[kind].decode(BYTE_LEVEL[kind].encode(text)) == text


@pytest.mark.parametrize("kind", ALL)
def test_each_has_the_interface(kind: str) -> None:
    tokenizer = ALL[kind]
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.name == kind


def test_merges_are_the_frequent_pairs() -> None:
    """By hand: in "abababab" the pair (a, b) is merged first, then (ab, ab)."""
    tokenizer = ByteBPE.train("abababab ", 259)
    assert tokenizer.vocab_size == 259
    assert tokenizer.encode("abababab").tolist() == [258, 258]
    assert [tokenizer.decode([token]) for token in (257, 258)] == ["ab", "abab"]


def test_frequent_words_become_short() -> None:
    tokenizer = byte_pairs()
    assert 257 < tokenizer.vocab_size <= 300
    assert len(tokenizer.encode(LEARNED_FROM[0])) < len(LEARNED_FROM[0]) / 2


@pytest.mark.parametrize("kind", BYTE_LEVEL)
def test_a_marker_in_a_text_is_text(kind: str) -> None:
    tokenizer = BYTE_LEVEL[kind]
    assert tokenizer.end_of_text is not None
    tokens = tokenizer.encode(f"a{END_OF_TEXT}b")
    assert tokenizer.end_of_text not in tokens
    assert tokenizer.decode(tokens) == f"a{END_OF_TEXT}b"
    assert tokenizer.decode([tokenizer.end_of_text]) == END_OF_TEXT


@pytest.mark.parametrize("kind", ALL)
def test_saved_and_loaded_it_is_the_same(kind: str, tmp_path: Path) -> None:
    tokenizer = ALL[kind]
    tokenizers.save(tokenizer, tmp_path / "new" / "tokenizer.json")
    again = tokenizers.load(tmp_path / "new" / "tokenizer.json")
    text = f"to be, café{END_OF_TEXT}"
    assert type(again) is type(tokenizer)
    assert torch.equal(again.encode(text), tokenizer.encode(text))
    assert (again.vocab_size, again.end_of_text) == (tokenizer.vocab_size, tokenizer.end_of_text)
    assert again.to_json() == tokenizer.to_json()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tokenizer.json"]


def test_half_a_surrogate_pair_survives_in_a_saved_vocabulary(tmp_path: Path) -> None:
    tokenizers.save(CharTokenizer("a\ud800"), tmp_path / "tokenizer.json")
    assert tokenizers.load(tmp_path / "tokenizer.json").decode([0, 1]) == "a\ud800"


def test_a_chat_template_is_kept(tmp_path: Path) -> None:
    tokenizer = wrapped()
    tokenizer.inner.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizers.save(tokenizer, tmp_path / "tokenizer.json")
    again = tokenizers.load(tmp_path / "tokenizer.json")
    assert isinstance(again, TransformersTokenizer)
    said = again.inner.apply_chat_template([{"role": "user", "content": "to be"}], tokenize=False)
    assert said == "to be"


def test_a_lossy_tokenizer_stays_lossy() -> None:
    """The wrapper adds nothing and hides nothing: a lower-casing tokenizer lower-cases."""
    fast = Fast(models.WordLevel({"to": 0, "be": 1, "[UNK]": 2}, unk_token="[UNK]"))
    fast.normalizer = normalizers.Lowercase()
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = TransformersTokenizer(PreTrainedTokenizerFast(tokenizer_object=fast, unk_token="[UNK]"))
    assert tokenizer.encode("To  BE?").tolist() == [0, 1, 2]
    assert tokenizer.decode([0, 1]) == "to be"
    assert tokenizer.end_of_text is None


def test_an_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match="No token for 'é'"):
        CharTokenizer("abc").encode("cabé")


@pytest.mark.parametrize("kind", BYTE_LEVEL)
def test_half_a_surrogate_pair_is_refused_in_words(kind: str) -> None:
    with pytest.raises(ValueError, match=r"Character 2 of the text, '\\ud800', is an unpaired surrogate"):
        BYTE_LEVEL[kind].encode("ab\ud800")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("token", [-1, 10_000])
def test_a_token_outside_the_vocabulary_is_refused(kind: str, token: int) -> None:
    with pytest.raises(ValueError, match=f"There is no token {token}"):
        ALL[kind].decode([0, token])


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 257"):
        ByteBPE.train("abc", 256)


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="Slow is a slow tokenizer"):
        TransformersTokenizer(Slow())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"largemodels": "spells"}',
        '{"largemodels": "byte pairs", "tokenizer": {"model": 1}}',
    ],
)
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(
        ValueError, match=r"tokenizer\.json is not a tokenizer saved by largemodels \(.+\)\.$"
    ):
        tokenizers.load(path)


def stored(kind: str, tmp_path: Path, **changes: Any) -> Path:
    """A saved tokenizer, some settings of the package ``tokenizers`` in which are replaced."""
    path = tmp_path / "tokenizer.json"
    tokenizers.save(BYTE_LEVEL[kind], path)
    content = json.loads(path.read_text())
    content["tokenizer"] |= changes
    path.write_text(json.dumps(content))
    return path


def padding(length: int) -> dict[str, Any]:
    sides = {
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "x",
    }
    return {"padding": {"strategy": {"Fixed": length}} | sides}


MODEL = byte_pairs().to_json()["tokenizer"]["model"]
MALICIOUS = {
    "aborts for lack of memory": padding(10**12),
    "panics with that": padding(2**63),
    "a table that points outside": {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8="}
    },
    "grows without end": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "a" * 100}] * 8,
        }
    },
    "panics while loading": {"model": MODEL | {"continuing_subword_prefix": "é" * 4}},
    "an unfinished expression": {
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": "("},
            "behavior": "Isolated",
            "invert": False,
        }
    },
}


@pytest.mark.parametrize("name", MALICIOUS)
@pytest.mark.parametrize("kind", BYTE_LEVEL)
def test_a_malicious_file_is_refused_in_one_line(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not a tokenizer saved by largemodels \(.+\)\.$") as caught:
        tokenizers.load(stored(kind, tmp_path, **MALICIOUS[name]))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "vocab", [{"a": 0, "b": 2**32 - 1}, {"a": 0, "b": 0}, {"a": 0, "b": "1"}, {"a": 1}, []]
)
def test_byte_pairs_with_other_numbers_are_refused(vocab: Any, tmp_path: Path) -> None:
    path = stored("byte pairs", tmp_path, model=MODEL | {"vocab": vocab, "merges": []})
    with pytest.raises(ValueError, match="not a tokenizer saved by largemodels"):
        tokenizers.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"special_tokens": {"tokenizer_file": "/etc/passwd"}}, "special tokens must be texts"),
        ({"special_tokens": {"eos_token": 7}}, "special tokens must be texts"),
        ({"special_tokens": 7}, "not a tokenizer saved"),
        ({"chat_template": 7}, "chat template is not a text"),
    ],
)
def test_only_texts_are_taken_for_special_tokens_and_template(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizers.save(BYTE_LEVEL["transformers"], path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ValueError, match=message):
        tokenizers.load(path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizers.save(BYTE_LEVEL["transformers"], path)
    content = json.loads(path.read_text())
    del content["chat_template"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"\(it has no 'chat_template'\)"):
        tokenizers.load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="not a tokenizer saved by largemodels"):
        tokenizers.load(path)


def test_a_panic_for_one_text_is_an_error_in_words() -> None:
    fast = Fast.from_str(json.dumps(byte_pairs().to_json()["tokenizer"]))
    fast.pre_tokenizer = pre_tokenizers.FixedLength(length=0)
    tokenizer = TransformersTokenizer(PreTrainedTokenizerFast(tokenizer_object=fast))
    with pytest.raises(ValueError, match="The tokenizer is damaged: chunk size must be non-zero"):
        tokenizer.encode("to be")


def test_a_real_tokenizer_is_loaded_again(smollm2_tokenizer: TransformersTokenizer, tmp_path: Path) -> None:
    tokenizers.save(smollm2_tokenizer, tmp_path / "tokenizer.json")
    again = tokenizers.load(tmp_path / "tokenizer.json")
    assert isinstance(again, TransformersTokenizer)
    assert again.to_json() == smollm2_tokenizer.to_json()
    assert (
        again.encode("To be,  2<|im_end|>").tolist()
        == smollm2_tokenizer.encode("To be,  2<|im_end|>").tolist()
    )


@pytest.mark.parametrize("kind", ALL)
def test_tokens_that_are_no_integers_are_refused(kind: str) -> None:
    for tokens in ([1.5], torch.tensor([1.5])):
        with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
            ALL[kind].decode(tokens)  # type: ignore[arg-type]
