from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.wavenet import WaveNet, WaveNetConfig, drawn, log_between, log_probs

SMALL = WaveNetConfig(d_model=5, d_skip=7, n_layer=5, cycle=3, n_mixture=2)


def model(n_mixture: int = 2) -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(WaveNetConfig(5, 7, 5, 3, n_mixture=n_mixture)).eval()


def test_the_reach_is_what_decides() -> None:
    net, levels = model(), torch.randint(256, (1, 40))
    assert SMALL.gaps == [1, 2, 4, 1, 2] and SMALL.reach == 12
    one = levels.clone().requires_grad_(False)
    seen = []
    for place in range(40):
        other = one.clone()
        other[0, place] = 255 - other[0, place]
        seen.append(bool((net(other)[..., 30] != net(one)[..., 30]).any()))
    assert [place for place, it in enumerate(seen) if it] == list(range(30 - SMALL.reach + 1, 31))


@pytest.mark.parametrize("n_mixture", [2, 0])
def test_probabilities_sum_to_one(n_mixture: int) -> None:
    said = model(n_mixture)(torch.randint(256, (1, 9)))
    each = [log_probs(said, torch.full((1, 9), level)).exp() for level in range(256)]
    assert_close(sum(each), torch.ones(1, 9), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_mixture", [2, 0])
def test_cached_generation_is_the_same(n_mixture: int) -> None:
    net, levels = model(n_mixture), torch.randint(256, (3, 4))
    both = [
        net.generate(levels, 25, torch.Generator().manual_seed(1), cached=cached) for cached in (True, False)
    ]
    assert torch.equal(*both) and both[0].shape == (3, 29) and torch.equal(both[0][:, :4], levels)
    with pytest.raises(ValueError, match="at least one sample"):
        net.generate(levels[:, :0], 2)


def guided() -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(WaveNetConfig(5, 7, 5, 3, kernel=3, n_mixture=2, guided=True)).eval()


def test_a_guided_one_centres_its_mixture_on_the_prediction() -> None:
    """Without weights in the head only the prediction is left; an error reaches the network through its input."""
    net, levels, guesses = guided(), torch.randint(256, (2, 11)), torch.randn(2, 12)
    inputs = net.read(levels, guesses)
    values = levels / 127.5 - 1
    assert_close(inputs, torch.stack([values, guesses[:, 1:], values - guesses[:, :-1]], dim=1))
    torch.nn.init.zeros_(net.head.weight)
    means = net(levels, guesses)[:, 2:4] - net.head.bias[2:4, None]
    assert_close(means, guesses[:, None, 1:].expand(-1, 2, -1))
    with pytest.raises(ValueError, match="pass guesses"):
        net(levels)


def test_a_guided_one_does_not_look_ahead() -> None:
    net, levels, guesses = guided(), torch.randint(256, (1, 40)), torch.randn(1, 41)
    one = net(levels, guesses)
    levels[0, 21:], guesses[0, 22:] = 7, 0.5
    assert torch.equal(net(levels, guesses)[..., :21], one[..., :21])


def test_a_guided_one_generates_the_same_with_queues() -> None:
    net, levels = guided(), torch.randint(256, (3, 4))

    def guide(level: torch.Tensor) -> torch.Tensor:
        return (level / 127.5 - 1) * 0.9

    both = [
        net.generate(levels, 60, torch.Generator().manual_seed(1), cached=cached, guide=guide)
        for cached in (True, False)
    ]
    assert torch.equal(*both) and both[0].shape == (3, 64)


def test_what_is_over_and_known_does_not_count() -> None:
    net, levels = model(), torch.randint(256, (2, 20))
    levels[1, 15:] = -1
    each = -log_probs(net(levels[:, :-1].clamp(min=0)), levels[:, 1:].clamp(min=0))
    expected = torch.cat([each[0, 4:], each[1, 4:14]]).mean()
    assert_close(net.loss(levels, known=4), expected)


def test_draws_follow_the_probabilities() -> None:
    said = torch.tensor([[0.5, -0.5, 0.2, -0.3, 0.5, 1.0]]).expand(20_000, -1)
    found = drawn(said, torch.Generator().manual_seed(0)).bincount(minlength=256) / 20_000
    expected = torch.stack([log_probs(said[:1, :, None], torch.tensor([[it]])).exp() for it in range(256)])
    assert (found.cumsum(0) - expected.flatten().cumsum(0)).abs().max() < 0.02


def test_a_narrow_interval_far_away_has_a_logarithm() -> None:
    low = torch.tensor([40.0, -40.0])
    assert_close(log_between(low, low + 1e-6, torch.full((2,), 1e-6)), torch.full((2,), -53.8155))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel must be at least 2"):
        WaveNetConfig(kernel=1)
    with pytest.raises(ValueError, match="n_mixture"):
        WaveNetConfig(n_mixture=-1)
    with pytest.raises(ValueError, match="n_mixture must be at least 1"):
        WaveNetConfig(n_mixture=0, guided=True)
