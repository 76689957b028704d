from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from largemodels.data.checks import DataError
from largemodels.pretrained import word2vec
from largemodels.pretrained.word2vec import association_tests, load_word2vec
from tests.library.data.installed import installed

FILE = "GoogleNews-vectors-negative300-bolukbasi.bin"


def packed(*words: tuple[str, list[float]]) -> bytes:
    parts = [word.encode() + b" " + torch.tensor(row).numpy().astype("<f4").tobytes() for word, row in words]
    return f"{len(words)} {len(words[0][1])}\n".encode() + b"".join(parts)


def read(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    (tmp_path / FILE).write_bytes(data)
    monkeypatch.setattr(word2vec, "files", lambda name, unchecked: {FILE: tmp_path / FILE})
    return load_word2vec()


def test_words_and_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(packed(("one", [1.0, 2.0, 3.0]), ("zwölf", [-4.0, 0.5, 6.0])), tmp_path, monkeypatch)
    assert list(found) == ["one", "zwölf"]
    assert_close(found["zwölf"], torch.tensor([-4.0, 0.5, 6.0]))


def test_a_file_that_ends_early_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="ends within"):
        read(packed(("one", [1.0, 2.0]), ("two", [3.0, 4.0]))[:-3], tmp_path, monkeypatch)


def test_news_vectors() -> None:
    installed("news-vectors")
    vectors = load_word2vec()
    assert len(vectors) == 26_423 and {it.shape for it in vectors.values()} == {(300,)}
    near = torch.stack([vectors[it] for it in ("queen", "banana")]) @ vectors["king"]
    assert near[0] > 0.6 > 0.2 > near[1]


def test_word_lists() -> None:
    installed("news-vectors")
    tests = association_tests()
    assert len(tests) == 10
    assert tests[5].names == ("Male names", "Female names", "Career", "Family")
    assert tests[5].targets[1][:2] == ("Amy", "Joan") and tests[5].attributes[0][0] == "executive"
