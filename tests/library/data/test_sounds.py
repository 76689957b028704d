from __future__ import annotations

import torch

from largemodels.data.sounds import OVER, windows
from largemodels.models.wavenet import from_levels, to_levels


def test_windows_are_pieces_of_the_sounds() -> None:
    sounds = [torch.linspace(-1, 1, 50), torch.linspace(0, 0.5, 7)]
    batches = windows(sounds, 6, 20, seed=1)
    first, second = next(batches)[0], next(batches)[0]
    assert first.shape == (6, 20) and not torch.equal(first, second)
    assert torch.equal(next(windows(sounds, 6, 20, seed=1, start=1))[0], second)
    long, short = (to_levels(it) for it in sounds)
    for row in torch.cat([first, second]):
        if (row == OVER).any():
            assert torch.equal(row[:7], short) and (row[7:] == OVER).all()
        else:
            assert any(torch.equal(row, long[at : at + 20]) for at in range(31))


def test_numbers_beside_the_samples_keep_their_places() -> None:
    sounds = [torch.linspace(-1, 1, 50), torch.linspace(0, 0.5, 7)]
    beside = [from_levels(to_levels(it)) for it in sounds]
    levels, others = next(windows(sounds, 6, 20, seed=1, beside=beside))
    assert torch.equal(levels, next(windows(sounds, 6, 20, seed=1))[0])
    assert others.dtype == torch.float32
    assert torch.equal(others, torch.where(levels == OVER, 0.0, from_levels(levels)))
