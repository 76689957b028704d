from __future__ import annotations

from itertools import islice

import pytest
import torch

from largemodels.data import registry
from largemodels.data.batches import shuffled
from largemodels.data.pictures import FASHION, PHOTOGRAPHS, digits, fashion_mnist, mnist, photograph, square
from largemodels.data.registry import DataError
from tests.library.data.installed import installed


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
    entries = registry.registry()
    for sums in entries["digits"]["versions"].values():
        sums["digits.csv.gz"] = "0" * 64
    monkeypatch.setattr(registry, "registry", lambda: entries)
    with pytest.raises(DataError, match=r"digits.csv.gz of scikit-learn .* is damaged"):
        digits()


def test_a_missing_library_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = registry.registry()
    entries["photographs"]["package"] = "no-such-library"
    monkeypatch.setattr(registry, "registry", lambda: entries)
    with pytest.raises(DataError, match="pip install no-such-library"):
        photograph("coffee")


def sizes(parts: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> dict[str, int]:
    assert all(len(pictures) == len(labels) for pictures, labels in parts.values())
    return {part: len(labels) for part, (_, labels) in parts.items()}


def test_mnist() -> None:
    installed("mnist")
    parts = mnist()
    assert sizes(parts) == {"train": 8000, "validation": 1000, "test": 1000}
    pictures = torch.cat([pictures for pictures, _ in parts.values()])
    labels = torch.cat([labels for _, labels in parts.values()])
    assert pictures.shape == (10000, 1, 28, 28)
    assert torch.equal(
        (255 * pictures).round() / 255, pictures
    )  # whole pixels, as they were before the package
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert labels.bincount().tolist() == [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
    assert len(pictures.flatten(1).unique(dim=0)) == 10000  # none twice, in one part or two
    means = torch.stack([pictures[labels == digit].mean(0).flatten() for digit in range(10)])
    nearest = torch.cdist(parts["test"][0].flatten(1), means).argmin(1)
    assert (nearest == parts["test"][1]).float().mean() > 0.75  # labels belong to their pictures


def test_fashion_mnist() -> None:
    installed("fashion-mnist")
    parts = fashion_mnist()
    assert sizes(parts) == {"train": 55000, "validation": 5000, "test": 10000}
    pictures, labels = parts["test"]
    assert pictures.shape == (10000, 1, 28, 28)
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert labels.bincount().tolist() == [1000] * 10 == [1000] * len(FASHION)
    counts = parts["train"][1].bincount() + parts["validation"][1].bincount()
    assert counts.tolist() == [6000] * 10
    nearest = torch.cdist(
        pictures.flatten(1),
        torch.stack([parts["train"][0][parts["train"][1] == kind].mean(0).flatten() for kind in range(10)]),
    ).argmin(1)
    assert (nearest == labels).float().mean() > 0.6


def test_shuffled_gives_each_row_once_a_round() -> None:
    rows = torch.arange(10)
    batches = list(islice(shuffled(rows, rows + 100, batch_size=4, seed=3), 6))
    assert [len(a) for a, _ in batches] == [4, 4, 2] * 2
    assert all(torch.equal(a + 100, b) for a, b in batches)
    first, second = torch.cat([a for a, _ in batches[:3]]), torch.cat([a for a, _ in batches[3:]])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert not torch.equal(first, second)
