from __future__ import annotations

import pytest
import torch

from largemodels.data.copying import BLANK, copy_batches, copy_vocab_size


def test_symbols_blanks_cues_and_targets() -> None:
    tokens, targets = next(copy_batches(n_symbols=5, n_copied=3, gap=4, batch_size=7, seed=0))
    assert tokens.shape == targets.shape == (7, 10)
    symbols = tokens[:, :3]
    assert symbols.min() >= 1
    assert symbols.max() <= 5
    assert (tokens[:, 3:7] == BLANK).all()
    assert (tokens[:, 7:] == 6).all()
    assert (targets[:, :7] == -100).all()
    assert torch.equal(targets[:, 7:], symbols)
    assert tokens.max() < copy_vocab_size(5)


def test_the_seed_decides_and_batches_differ() -> None:
    first, again, other = (copy_batches(8, 2, 3, 4, seed) for seed in (0, 0, 1))
    one, two = next(first)[0], next(first)[0]
    assert torch.equal(one, next(again)[0])
    assert not torch.equal(one, two)
    assert not torch.equal(one, next(other)[0])


def test_nothing_to_copy_is_refused() -> None:
    with pytest.raises(ValueError, match="n_symbols ≥ 2"):
        next(copy_batches(1, 1, 1, 1, seed=0))
