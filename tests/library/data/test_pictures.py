from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from largemodels.data import pictures as images
from largemodels.data.batches import shuffled
from largemodels.data.pictures import PHOTOGRAPHS, digits, photograph, square
from largemodels.data.registry import DataError
from largemodels.paths import data_root


def test_digits_in_three_parts_that_share_none() -> None:
    parts = digits()
    assert {part: len(labels) for part, (_, labels) in parts.items()} == {
        "train": 1197,
        "validation": 300,
        "test": 300,
    }
    pictures = torch.cat([pictures for pictures, _ in parts.values()])
    labels = torch.cat([labels for _, labels in parts.values()])
    assert pictures.shape == (1797, 1, 8, 8)
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len(pictures.unique(dim=0)) == 1797  # no picture twice, in one part or two
    again = digits()
    assert all(torch.equal(a, b) for part in parts for a, b in zip(parts[part], again[part], strict=True))


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    wanted = {
        (*picture.flatten(), label) for picture, label in zip(theirs.images, theirs.target, strict=True)
    }
    found = {
        (*(picture.flatten() * 16).tolist(), int(label))
        for pictures, labels in digits().values()
        for picture, label in zip(pictures, labels, strict=True)
    }
    assert found == wanted


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs(name: str) -> None:
    picture = photograph(name)
    assert picture.shape[0] == 3
    assert 0 <= picture.min() < picture.max() <= 1
    middle = square(picture, 33)
    assert middle.shape == (3, 33, 33)
    assert 0 <= middle.min() < middle.max() <= 1


def test_square_is_the_middle() -> None:
    picture = torch.zeros(3, 10, 30)
    picture[:, :, 10:20] = 1
    assert square(picture, 10).min() == 1


def test_an_unknown_photograph() -> None:
    with pytest.raises(DataError, match=r"no photograph 'lena'\. There are: astronaut, camera"):
        photograph("lena")


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_DIGITS", (*images._DIGITS[:-1], "0" * 64))
    with pytest.raises(
        DataError, match=r"digits.csv.gz of scikit-learn .* is damaged.*came with scikit-learn 1\.9\.1"
    ):
        digits()


def test_a_missing_library_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-image"):
        photograph("coffee")


def test_shuffled_gives_each_row_once_a_round() -> None:
    rows = torch.arange(10)
    batches = list(islice(shuffled(rows, rows + 100, batch_size=4, seed=3), 6))
    assert [len(a) for a, _ in batches] == [4, 4, 2] * 2
    assert all(torch.equal(a + 100, b) for a, b in batches)
    first, second = torch.cat([a for a, _ in batches[:3]]), torch.cat([a for a, _ in batches[3:]])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["digits", "photographs"])
def test_cards(name: str) -> None:
    card = Path(data_root() / "cards" / f"{name}.md").read_text(encoding="utf-8")
    for heading in ("What it is", "Licence", "How it is reached", "Known biases", "Not for"):
        assert f"## {heading}" in card
