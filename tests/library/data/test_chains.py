from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from largemodels.data.chains import chain_batches, chain_log_probs, walk


def test_targets_follow_inputs_and_each_batch_is_its_own() -> None:
    batches = chain_batches(n_symbols=5, length=7, concentration=0.3, batch_size=3, seed=0)
    (inputs, targets), (others, _) = next(batches), next(batches)
    assert inputs.shape == targets.shape == (3, 7)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert inputs.min() >= 0
    assert targets.max() < 5
    assert not torch.equal(inputs, others)
    assert torch.equal(next(chain_batches(5, 7, 0.3, 3, seed=0, start=1))[0], others)
    assert not torch.equal(next(chain_batches(5, 7, 0.3, 3, seed=1))[0], inputs)


def test_a_walk_follows_its_own_table() -> None:
    around = np.roll(np.eye(4), 1, axis=1)  # 0 → 1 → 2 → 3 → 0
    back = around.T
    one, other = walk(np.stack([around, back]), 9, np.random.default_rng(0))
    assert (np.diff(one) % 4 == 1).all()
    assert (np.diff(other) % 4 == 3).all()


def test_frequencies_of_a_walk_are_those_of_the_table() -> None:
    table = np.array([[[0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.0, 0.9, 0.1]]])
    tokens = walk(table, 60_000, np.random.default_rng(1))[0]
    counts = np.zeros((3, 3))
    np.add.at(counts, (tokens[:-1], tokens[1:]), 1)
    np.testing.assert_allclose(counts / counts.sum(axis=1, keepdims=True), table[0], atol=0.015)
    assert counts[2, 0] == 0
    first = walk(np.repeat(table, 6_000, axis=0), 1, np.random.default_rng(2))[:, 0]
    np.testing.assert_allclose(np.bincount(first, minlength=3) / 6_000, 1 / 3, atol=0.03)


def test_the_rule_of_counts_by_hand() -> None:
    tokens = torch.tensor([[0, 1, 0, 1, 0, 2]])
    found = chain_log_probs(tokens, 3, 0.5).exp()[0]
    # After 0: nothing seen; after 1: nothing; after 0: one 1; after 1: one 0; after 0: two 1.
    assert found.tolist() == pytest.approx([0.5 / 1.5, 0.5 / 1.5, 1.5 / 2.5, 1.5 / 2.5, 0.5 / 3.5])
    alone = chain_log_probs(tokens, 3, 0.5, pairs=False).exp()[0]
    assert alone.tolist() == pytest.approx([0.5 / 2.5, 1.5 / 3.5, 1.5 / 4.5, 2.5 / 5.5, 0.5 / 6.5])


def test_no_other_concentration_predicts_better_than_that_of_the_tables() -> None:
    inputs, targets = next(chain_batches(4, 60, 0.2, 800, seed=3))
    tokens = torch.cat([inputs, targets[:, -1:]], dim=1)
    losses = {c: -chain_log_probs(tokens, 4, c).mean().item() for c in (0.05, 0.2, 0.8)}
    assert min(losses, key=losses.__getitem__) == 0.2
    assert losses[0.2] < -chain_log_probs(tokens, 4, 1.0, pairs=False).mean().item() < math.log(4)


@pytest.mark.parametrize("wrong", [(1, 4, 1.0, 2), (3, 0, 1.0, 2), (3, 4, 0.0, 2), (3, 4, 1.0, 0)])
def test_too_small_numbers_are_refused(wrong: tuple[int, int, float, int]) -> None:
    with pytest.raises(ValueError, match="Chains need"):
        next(chain_batches(*wrong, seed=0))
