from __future__ import annotations

import numpy as np
import pytest

from largemodels.models.linear_prediction import Follower, LinearPredictionConfig, predictions, products


def test_weights_are_those_of_weighted_least_squares() -> None:
    """Against numpy's least squares on the past of one block."""
    rng = np.random.default_rng(0)
    sound, order, block, half_life = rng.normal(size=101), 3, 7, 20.0
    config = LinearPredictionConfig(order, half_life, block, prior=0.0)
    long_term = products([sound], order)
    found = predictions(sound, config, 1e-9 * long_term)
    padded = np.concatenate([np.zeros(order), sound])
    at = 8 * block
    age = np.array([(at - block - t // block * block) for t in range(at)])  # a block counts as one moment
    weight = np.sqrt(0.5 ** (age / half_life))
    past = np.stack([padded[t : t + order] for t in range(at)])
    best, *_ = np.linalg.lstsq(past * weight[:, None], sound[:at] * weight, rcond=None)
    expected = [padded[t : t + order] @ best for t in range(at, at + block)]
    np.testing.assert_allclose(found[at : at + block], expected, rtol=1e-5, atol=1e-6)


def test_it_learns_a_tone_and_never_looks_ahead() -> None:
    sound = np.sin(0.3 * np.arange(400))
    config = LinearPredictionConfig(order=2, half_life=50, block=4, prior=0.001)
    long_term = products([np.random.default_rng(0).normal(size=999)], 2)
    found = predictions(sound, config, long_term)
    assert np.abs(found - sound)[200:].max() < 0.05 and found[0] == 0
    changed = sound.copy()
    changed[300:] = 0
    np.testing.assert_array_equal(predictions(changed, config, long_term)[:301], found[:301])


@pytest.mark.parametrize("place", [0, 37, 96, 97, 120])
def test_no_other_future_changes_a_prediction(place: int) -> None:
    rng = np.random.default_rng(1)
    sound, config = rng.normal(size=121), LinearPredictionConfig(order=5, half_life=11, block=8)
    long_term = products([rng.normal(size=99)], 5)
    other = np.concatenate([sound[:place], rng.normal(size=121 - place)])
    found, changed = (predictions(it, config, long_term) for it in (sound, other))
    np.testing.assert_array_equal(changed[: place + 1], found[: place + 1])
    assert place == 120 or (changed[place + 1 :] != found[place + 1 :]).all()


def test_sample_after_sample_gives_the_same_predictions() -> None:
    rng = np.random.default_rng(2)
    sound, config = rng.normal(size=83), LinearPredictionConfig(order=7, half_life=13, block=9, prior=0.02)
    long_term = products([rng.normal(size=99)], 7)
    follower = Follower(config, long_term)
    found = [follower.step(it) for it in sound]
    np.testing.assert_allclose(found[:-1], predictions(sound, config, long_term)[1:], rtol=1e-6)


def test_silence_and_impossible_settings() -> None:
    long_term = products([np.random.default_rng(0).normal(size=99)], 16)
    assert not predictions(np.zeros(50), LinearPredictionConfig(), long_term).any()
    with pytest.raises(ValueError, match="order"):
        LinearPredictionConfig(order=0)
