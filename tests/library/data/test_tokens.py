from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.data.batches import batches
from largemodels.data.registry import DataError
from largemodels.data.tokens import HEADER_BYTES, read_header, read_tokens, write_tokens
from largemodels.text.tokenizers import ByteBPE, CharTokenizer, fingerprint

TEXTS = ["to be or not to be", "", "that is the question"]


class ManyTokens(CharTokenizer):
    """As many tokens as asked for, so that the width of a token can be tested."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__("\n\U0010ffff")
        self.size = vocab_size

    @property
    def vocab_size(self) -> int:
        return self.size

    def encode(self, text: str) -> torch.Tensor:
        return torch.tensor(
            [0 if character == "\n" else self.size - 1 for character in text], dtype=torch.int64
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "corpus.tokens"


def test_documents_end_with_the_end_of_text(path: Path) -> None:
    tokenizer = ByteBPE.train(TEXTS, 270)
    tokens = write_tokens(path, iter(TEXTS), tokenizer)
    wanted = [token for text in TEXTS for token in [*tokenizer.encode(text).tolist(), tokenizer.end_of_text]]
    assert tokens.tolist() == wanted
    assert tokens.dtype == np.uint16
    assert np.array_equal(read_tokens(path, tokenizer), tokens)


def test_without_an_end_of_text_a_blank_line_stands_there(path: Path) -> None:
    tokenizer = CharTokenizer("".join(TEXTS) + "\n")
    tokens = write_tokens(path, TEXTS, tokenizer)
    assert tokenizer.decode(tokens) == "".join(text + "\n\n" for text in TEXTS)


@settings(deadline=None, max_examples=30)
@given(texts=st.lists(st.text(alphabet="ab\n"), min_size=1))
def test_what_is_written_is_what_is_read(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tokens") / "x"
    tokenizer = CharTokenizer("ab\n")
    write_tokens(path, texts, tokenizer)
    assert tokenizer.decode(read_tokens(path)) == "".join(text + "\n\n" for text in texts)


@pytest.mark.parametrize(
    ("vocab_size", "dtype"), [(65_536, np.uint16), (65_537, np.uint32), (200_000, np.uint32)]
)
def test_the_largest_token_fits(path: Path, vocab_size: int, dtype: type) -> None:
    tokens = write_tokens(path, ["a"], ManyTokens(vocab_size))
    assert tokens.dtype == dtype
    assert tokens.tolist() == [vocab_size - 1, 0, 0]


def test_the_header_is_json_that_anyone_can_read(path: Path) -> None:
    tokenizer = ByteBPE.train(TEXTS, 270)
    tokens = write_tokens(path, TEXTS, tokenizer)
    header = json.loads(path.read_bytes()[:HEADER_BYTES])
    assert header == read_header(path)
    assert header["length"] == len(tokens)
    assert header["vocab_size"] == tokenizer.vocab_size
    assert header["tokenizer"] == fingerprint(tokenizer)
    assert path.stat().st_size == HEADER_BYTES + 2 * len(tokens)
    assert [some.name for some in path.parent.iterdir()] == ["corpus.tokens"]


def test_it_is_mapped_and_cannot_be_written(path: Path) -> None:
    write_tokens(path, TEXTS, CharTokenizer("".join(TEXTS) + "\n"))
    tokens = read_tokens(path)
    assert isinstance(tokens, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        tokens[0] = 1


def test_batches_come_straight_from_the_file(path: Path) -> None:
    tokenizer = CharTokenizer("".join(TEXTS) + "\n")
    tokens = write_tokens(path, TEXTS, tokenizer)
    inputs, targets = next(batches(tokens, 3, 5, seed=1, start=4))
    in_memory = torch.from_numpy(tokens.astype(np.int64))
    wanted = next(itertools.islice(batches(in_memory, 3, 5, seed=1), 4, None))
    assert torch.equal(inputs, wanted[0])
    assert torch.equal(targets, wanted[1])


def test_one_changed_byte_is_found(path: Path) -> None:
    write_tokens(path, TEXTS, CharTokenizer("".join(TEXTS) + "\n"))
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_tokens(path)
    assert len(read_tokens(path, check=False))


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_length_is_found(path: Path, change: int) -> None:
    write_tokens(path, TEXTS, CharTokenizer("".join(TEXTS) + "\n"))
    data = path.read_bytes()
    path.write_bytes(data[:-1] if change < 0 else data + b"\0")
    with pytest.raises(DataError, match="bytes, expected"):
        read_tokens(path, check=False)


def test_another_tokenizer_is_refused(path: Path) -> None:
    tokenizer = CharTokenizer("".join(TEXTS) + "\n")
    write_tokens(path, TEXTS, tokenizer)
    with pytest.raises(ValueError, match="another tokenizer"):
        read_tokens(path, CharTokenizer("".join(TEXTS) + "\n!"))


@pytest.mark.parametrize(
    "content", [b"", b"text", b"{}".ljust(2000), b'{"largemodels": "tokens 9"}'.ljust(1024)]
)
def test_another_file_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a token file"):
        read_tokens(path)


def test_nothing_is_left_of_an_interrupted_write(path: Path) -> None:
    tokenizer = CharTokenizer("".join(TEXTS) + "\n")
    before = write_tokens(path, TEXTS, tokenizer).tolist()
    with pytest.raises(ValueError, match="No token for '!'"):
        write_tokens(path, ["to be", "!"], tokenizer)
    with pytest.raises(ValueError, match="no document"):
        write_tokens(path, [], tokenizer)
    assert read_tokens(path).tolist() == before
    assert [some.name for some in path.parent.iterdir()] == ["corpus.tokens"]
