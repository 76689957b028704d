"""Token by token a text comes out as if it were decoded at once, whatever the tokenizer and wherever it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Fast
from tokenizers import decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from largemodels.text.incremental import LONGEST, IncrementalDecoder
from largemodels.text.tokenizers import TransformersTokenizer
from largemodels.text.writing import _Text

TEXTS = st.text(st.sampled_from("ab é你🙂👩\u0301"), max_size=24) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=24
)


class Pieces:
    """A tokenizer whose tokens are pieces of bytes, cut anywhere, even within a character."""

    name, end_of_text = "pieces", None

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces, self.vocab_size, self.decoded = pieces, len(pieces), 0

    def encode(self, text: str) -> Tensor:
        return torch.arange(len(self.pieces))

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        self.decoded += len(tokens)
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", "replace")

    def to_json(self) -> dict[str, Any]:
        return {}


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> tuple[str, Pieces]:
    """A text, and a tokenizer that has it as its tokens 0, 1, 2 …"""
    text = draw(texts)
    whole = text.encode()
    places = sorted({0, len(whole), *draw(st.lists(st.integers(0, len(whole)), max_size=len(whole)))})
    return text, Pieces([whole[a:b] for a, b in pairwise(places)])


def streamed(tokenizer: Any, tokens: Sequence[int], prompt: Sequence[int] = ()) -> list[str]:
    decoder = IncrementalDecoder(tokenizer, prompt)
    return [*map(decoder.add, tokens), decoder.rest()]


@settings(deadline=None)
@given(cut(), st.data())
def test_pieces_make_the_text_and_no_character_waits(made: tuple[str, Pieces], data: st.DataObject) -> None:
    text, tokenizer = made
    n = tokenizer.vocab_size
    begun = data.draw(st.integers(0, n))
    before = tokenizer.decode(range(begun)).rstrip(
        "\ufffd"
    )  # a character that is cut belongs to the added text
    pieces, so_far = streamed(tokenizer, range(begun, n), range(begun)), before
    assert before + "".join(pieces) == text
    for end, piece in zip(range(begun + 1, n + 1), pieces, strict=False):
        so_far += piece
        assert so_far == tokenizer.decode(range(end)).rstrip("\ufffd")


@settings(deadline=None)
@given(cut(), st.lists(st.text(st.sampled_from("ab é你🙂👩"), min_size=1, max_size=3), max_size=3))
def test_a_stop_string_is_found_at_once_wherever_tokens_are_cut(
    made: tuple[str, Pieces], stop: list[str]
) -> None:
    """Compared with adding character by character, without tokens; the text given only grows."""
    text, tokenizer = made
    wanted, stops_at = text, None
    for end in range(len(text) + 1):
        if places := [text[:end].index(some) for some in stop if some in text[:end]]:
            wanted, stops_at = text[: min(places)], len(text[:end].encode())
            break
    written, n_bytes, given_so_far = _Text(tokenizer, stop), 0, ""
    for token, piece in enumerate(tokenizer.pieces):
        n_bytes += len(piece)
        given_so_far += written.add(token)
        assert wanted.startswith(given_so_far)
        assert written.ended == (stops_at is not None and n_bytes >= stops_at)
    assert given_so_far + written.rest() == wanted


def test_the_stop_string_that_is_complete_first_counts() -> None:
    for pieces in ([b"x", b"a", b"b", b"c"], [b"xabc"], [b"xa", b"bc"]):
        written = _Text(Pieces(pieces), ["abc", "b"])
        assert "".join(map(written.add, range(len(pieces)))) + written.rest() == "xa"
    for pieces in ([b"x", b"a", b"b"], [b"xab"]):
        written = _Text(Pieces(pieces), ["b", "ab"])  # both complete at the same character: before the longer
        assert "".join(map(written.add, range(len(pieces)))) + written.rest() == "x"


def test_a_stop_string_with_a_replacement_character() -> None:
    """U+FFFD itself looks like a character that is not complete yet, so it is found one token later, or at the end."""
    for pieces in ([b"a", "\ufffd".encode(), b"b"], [b"a", "\ufffd".encode()]):
        written = _Text(Pieces(pieces), ["\ufffd"])
        assert "".join(map(written.add, range(len(pieces)))) + written.rest() == "a"
    written = _Text(Pieces([b"a\xc3", b"\xa9"]), ["\ufffd"])  # half an é is none
    assert written.add(0) + written.add(1) + written.rest() == "aé"


def wrapped(fast: Fast) -> TransformersTokenizer:
    return TransformersTokenizer(PreTrainedTokenizerFast(tokenizer_object=fast, unk_token="<unk>"))


def like_sentencepiece(fused: bool) -> TransformersTokenizer:
    """As Llama 2's: "▁" for a blank, the first of which is dropped; characters without a token as single bytes."""
    words = ["<unk>", "▁", "▁to", "▁be", "to", "be", ",", "a", *(f"<0x{byte:02X}>" for byte in range(256))]
    merges = [("t", "o"), ("b", "e"), ("▁", "to"), ("▁", "be")]
    vocab = {word: token for token, word in enumerate([*words, "t", "o", "b", "e"])}
    fast = Fast(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True))
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    blank = decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)
    fast.decoder = decoders.Sequence(list(blank)) if fused else decoders.Metaspace()
    return wrapped(fast)


def others() -> dict[str, TransformersTokenizer]:
    pieces = Fast(models.WordPiece({"to": 0, "##be": 1, ".": 2, "##.": 3, "<unk>": 4}, unk_token="<unk>"))
    pieces.decoder = decoders.WordPiece()
    suffixed = Fast(
        models.BPE({"to</w>": 0, "be</w>": 1, "to": 2, ".</w>": 3, "<unk>": 4}, [], unk_token="<unk>")
    )
    suffixed.decoder = decoders.BPEDecoder()
    return {"word pieces": wrapped(pieces), "suffixes": wrapped(suffixed)}


CONTEXTUAL = {"metaspace": like_sentencepiece(False), "llama": like_sentencepiece(True)} | others()


def test_the_tokenizers_depend_on_what_stands_before() -> None:
    for tokenizer in (CONTEXTUAL["metaspace"], CONTEXTUAL["llama"]):
        to, be = tokenizer.encode("to be").tolist()
        assert (tokenizer.decode([to, be]), tokenizer.decode([be])) == ("to be", "be")


@pytest.mark.parametrize("kind", CONTEXTUAL)
@settings(deadline=None)
@given(data=st.data())
def test_no_blank_is_lost_at_the_seam(kind: str, data: st.DataObject) -> None:
    tokenizer = CONTEXTUAL[kind]
    words = st.lists(st.integers(1, min(tokenizer.vocab_size, 8) - 1), max_size=20)
    prompt, tokens = data.draw(words), data.draw(words)
    pieces = streamed(tokenizer, tokens, prompt)
    assert tokenizer.decode(prompt) + "".join(pieces) == tokenizer.decode(prompt + tokens)
    assert pieces[-1] == ""


@settings(deadline=None)
@given(prompt=TEXTS, text=TEXTS)
def test_characters_without_a_token_come_from_their_bytes(prompt: str, text: str) -> None:
    """The decoder for single bytes shows all of a run as broken while one of its characters is incomplete."""
    tokenizer = CONTEXTUAL["llama"]
    before, tokens = tokenizer.encode(prompt).tolist(), tokenizer.encode(text).tolist()
    pieces = streamed(tokenizer, tokens, before)
    assert tokenizer.decode(before) + "".join(pieces) == tokenizer.decode(before + tokens)


def bytes_of(*values: int) -> list[int]:
    return [8 + value for value in values]


def test_bytes_that_are_no_text_take_nothing_back() -> None:
    tokenizer = CONTEXTUAL["llama"]
    hello = bytes_of(*"你".encode())
    assert tokenizer.decode([*hello, *bytes_of(0xFF)]) == 4 * "\ufffd"
    assert "".join(streamed(tokenizer, [*hello, *bytes_of(0xFF), 7])) == "你\ufffda"
    many = streamed(tokenizer, [7, *bytes_of(*[0xFF] * 30), 7, *hello])
    assert "".join(many) == "a" + 30 * "\ufffd" + "a你"


def test_broken_bytes_of_any_number_are_shown_and_what_follows_is_right() -> None:
    for n in range(3 * LONGEST):
        tokenizer = Pieces([b"a", *[b"\xff"] * n, b"\xc3", b"\xa9", b"b"])
        assert "".join(streamed(tokenizer, range(n + 4))) == "a" + n * "\ufffd" + "éb"
    spread = Pieces([b"\xc3", *[b"\xa9\xc3"] * 50, b"\xa9"])  # no token ends where a character does
    pieces = streamed(spread, range(52))
    assert "".join(pieces) == 51 * "é"
    assert pieces[:3] == ["", "é", "é"] and pieces[-1] == ""


@pytest.mark.parametrize("piece", [b"word ", b"\xff", b"\xa9\xc3", "你".encode()[:2]])
def test_time_is_proportional_to_the_number_of_tokens(piece: bytes) -> None:
    n, n_prompt = 3_000, 1_000
    tokenizer = Pieces([piece] * (n_prompt + n))
    written = _Text(tokenizer, ["stop here", "END"], range(n_prompt))
    for token in range(n_prompt, n_prompt + n):
        written.add(token)
        assert len(written.held) < 30
    assert tokenizer.decoded < 40 * n + (LONGEST + 3) * n_prompt
