"""Solar cells: their numbers, kinds and modules, some of them alone, and files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from largemodels.data import solar_cells as loader
from largemodels.data.registry import DataError
from largemodels.data.solar_cells import SolarCells, solar_cells


@pytest.fixture(scope="module")
def cells() -> SolarCells:
    return solar_cells()


def test_the_published_numbers(cells: SolarCells) -> None:
    assert cells.pictures.shape == (2_624, 300, 300) and cells.pictures.dtype == torch.uint8
    thirds = (3 * cells.probability).round().long()
    table = [[int(((thirds == third) & (cells.poly == kind)).sum()) for third in range(4)] for kind in (0, 1)]
    assert table == [[588, 117, 56, 313], [920, 178, 50, 402]]
    assert cells.number.tolist() == list(range(2_624))


def test_modules_are_of_one_kind_and_as_many_as_published(cells: SolarCells) -> None:
    kinds = [set(cells.poly[cells.module == module].tolist()) for module in range(44)]
    assert all(len(kind) == 1 for kind in kinds)
    assert (kinds.count({False}), kinds.count({True})) == (18, 26)
    assert cells.module.diff().unique().tolist() == [0, 1] and cells.module.max() == 43
    # Neighbours differ more where a module ends.
    small = torch.nn.functional.adaptive_avg_pool2d(cells.pictures[:, None].float(), 10).flatten(1)
    apart = (small[1:] - small[:-1]).norm(dim=1)
    border = cells.module.diff() > 0
    assert apart[border].mean() > 1.3 * apart[~border].mean()


def test_some_cells_in_their_order(cells: SolarCells) -> None:
    some = solar_cells([2_623, 0, 59, 60])
    assert torch.equal(some.pictures, cells.pictures[[2_623, 0, 59, 60]])
    assert some.module.tolist() == [43, 0, 0, 1] and some.poly.tolist() == [True, False, False, True]
    assert some.probability.tolist() == cells.probability[[2_623, 0, 59, 60]].tolist()
    assert len(solar_cells([]).pictures) == 0
    for row in (-1, 2_624):
        with pytest.raises(IndexError, match="from 0 to 2623"):
            solar_cells([row])


def test_a_damaged_or_missing_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    (tmp_path / "images").mkdir()
    table = tmp_path / "labels.csv"
    lines = [f"images/cell{number}.png 0.6666666666666666 mono" for number in range(2)]
    table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    monkeypatch.setattr(loader, "files", lambda *_, **__: {"labels.csv": table})
    Image.new("L", (300, 300), 7).save(tmp_path / "images/cell0.png")
    with pytest.raises(DataError, match="cannot be read"):
        solar_cells()
    Image.new("L", (300, 300), 9).save(tmp_path / "images/cell1.png")
    with pytest.raises(DataError, match="is damaged"):
        solar_cells()
    found = solar_cells(unchecked=True)
    assert found.pictures.float().mean(dim=(1, 2)).tolist() == [7, 9]
    assert found.probability.tolist() == pytest.approx([2 / 3, 2 / 3]) and not found.poly.any()
