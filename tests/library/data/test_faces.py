from __future__ import annotations

import pytest
import torch

from largemodels.data.checks import DataError
from largemodels.data.faces import PORTRAITS, orl_faces, portrait
from tests.library.data.installed import installed


def test_forty_people_ten_times() -> None:
    installed("orl-faces")
    data = orl_faces()
    assert data.pictures.shape == (400, 112, 92) and data.pictures.dtype == torch.uint8
    assert data.person.bincount().tolist() == [10] * 40
    assert len({it.numpy().tobytes() for it in data.pictures}) == 400  # no picture twice
    # Seven people are seen with and without glasses.
    mixed = data.glasses.view(40, 10)
    both = ((mixed == 0).any(dim=1) & (mixed == 1).any(dim=1)).nonzero().flatten().tolist()
    assert both == [3, 6, 12, 16, 18, 19, 35]
    assert (mixed[[it for it in range(40) if it not in both]] == -1).all()


def test_portraits() -> None:
    installed("portraits")
    assert {name: tuple(portrait(name).shape) for name in PORTRAITS} == {
        "Obama, official portrait": (3, 1137, 910),
        "Obama, speaking": (3, 1200, 626),
        "Obama, standing": (3, 2333, 1434),
        "Obama, half cut off": (3, 1137, 551),
        "Biden, standing": (3, 2204, 970),
    }
    with pytest.raises(DataError, match="no portrait"):
        portrait("Lincoln")
