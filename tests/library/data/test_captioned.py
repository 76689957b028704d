from __future__ import annotations

import pytest
import torch

from largemodels.data.captioned import Captioned, _groups, emoji
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def parts() -> dict[str, Captioned]:
    installed("emoji-names", "emoji-pictures")
    return emoji()


def test_parts_and_sizes(parts: dict[str, Captioned]) -> None:
    sizes = {part: len(found.symbols) for part, found in parts.items()}
    assert sizes == {"train": 800, "validation": 243, "test": 332}
    for found in parts.values():
        assert found.pictures.shape == (len(found.symbols), 3, 128, 128)
        assert found.pictures.dtype == torch.uint8
        assert all(len(names) == len(found.symbols) for names in found.names.values())


def test_names_belong_to_symbols(parts: dict[str, Captioned]) -> None:
    where = {symbol: (found, row) for found in parts.values() for row, symbol in enumerate(found.symbols)}
    for symbol, english in (("😀", "grinning face"), ("🍎", "red apple"), ("🐙", "octopus")):
        found, row = where[symbol]
        assert found.names["en"][row] == english
    found, row = where["🍎"]
    red, green, blue = found.pictures[row].float().mean(dim=(1, 2))
    assert red > max(green, blue)


def test_parts_share_neither_symbols_nor_names_nor_pictures(parts: dict[str, Captioned]) -> None:
    symbols = [symbol for found in parts.values() for symbol in found.symbols]
    assert len(set(symbols)) == len(symbols) == 1375
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not set(parts[one].names["en"]) & set(parts[other].names["en"])
        a, b = (
            torch.nn.functional.avg_pool2d(parts[part].pictures.float() / 255, 8).flatten(1)
            for part in (one, other)
        )
        assert torch.cdist(a, b).min() / a.shape[1] ** 0.5 > 0.079


def test_variants_stay_together() -> None:
    pictures = torch.arange(4).view(4, 1, 1, 1).expand(4, 3, 128, 128).to(torch.uint8) * 60
    groups = _groups(["red heart", "blue heart", "octopus", "left arrow"], pictures)
    assert sorted(map(sorted, groups)) == [[0, 1], [2], [3]]


def test_another_split_has_the_same_sizes_and_other_parts(parts: dict[str, Captioned]) -> None:
    other = emoji(split=1)
    for part, found in parts.items():
        assert len(other[part].symbols) == len(found.symbols)
        assert other[part].symbols != found.symbols
    assert emoji(split=1)["test"].symbols == other["test"].symbols
