from __future__ import annotations

import pytest
import torch

from largemodels.data.film import SIZE, street_film, walkers
from tests.library.data.installed import installed


def test_frames_come_in_the_order_of_the_film() -> None:
    installed("street-film")
    film = street_film([9, 0])
    assert film.shape == (2, *SIZE, 3) and film.dtype == torch.uint8
    torch.testing.assert_close(film[:1], street_film([0]))
    assert (film[0].float() - film[1].float()).abs().mean() > 1
    assert len(street_film([])) == 0
    with pytest.raises(ValueError):
        street_film([795])


def test_both_readings_have_the_same_frames() -> None:
    first, second = walkers(), walkers("second")
    assert list(first) == list(second) == list(range(0, 800, 16))
    assert sum(len(it.who) for it in first.values()) == 304
    assert len(torch.cat([it.who for it in first.values()]).unique()) == 20
    for its in (*first.values(), *second.values()):
        assert len(its.who.unique()) == len(its.who)
        wide, high = (its.boxes[:, 2:] - its.boxes[:, :2]).T
        torch.testing.assert_close(wide, 0.41 * high, rtol=1e-4, atol=1e-3)
