"""Our WaveNet's layers against ``VitsWaveNet`` of transformers, and its queues and µ law against other ways to compute.

The layers of VITS see as many samples after as before. Where the weights of those after are zero, they are causal, with
a kernel of 2.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close
from transformers import VitsConfig
from transformers.models.vits.modeling_vits import VitsWaveNet

from largemodels.models.wavenet import (
    WaveNet,
    WaveNetConfig,
    companded,
    expanded,
    from_levels,
    log_probs,
    to_levels,
)

from .random_weights import randomised

WIDTH, N_LAYER = 7, 5


def pair() -> tuple[WaveNet, VitsWaveNet]:
    torch.manual_seed(0)
    settings = {"wavenet_kernel_size": 3, "wavenet_dilation_rate": 2, "wavenet_dropout": 0.0}
    theirs = VitsWaveNet(VitsConfig(hidden_size=WIDTH, speaker_embedding_size=0, **settings), N_LAYER).eval()
    ours = randomised(WaveNet(WaveNetConfig(WIDTH, WIDTH, N_LAYER, n_mixture=3))).eval()
    with torch.no_grad():
        for layer, conv, out in zip(ours.layers, theirs.in_layers, theirs.res_skip_layers, strict=True):
            conv.weight = torch.cat([layer.conv.weight, torch.zeros(2 * WIDTH, WIDTH, 1)], dim=2)
            out.weight = layer.out.weight.clone()
            conv.bias.copy_(layer.conv.bias)
            out.bias.copy_(layer.out.bias)
    return ours, theirs


def sum_of_skips(model: WaveNet, x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(())
    for layer in model.layers:
        x, skip = layer(x)
        total = total + skip
    return total


@torch.no_grad()
def test_gated_layers_agree() -> None:
    ours, theirs = pair()
    x = torch.randn(3, WIDTH, 83)
    expected = theirs(x, torch.ones(3, 1, 83))
    assert_close(sum_of_skips(ours, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("what", ["halves", "taps", "gap"])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(what: str) -> None:
    ours, theirs = pair()
    layer = ours.layers[2]
    if what == "halves":
        layer.conv.weight.copy_(layer.conv.weight.roll(WIDTH, 0))
    elif what == "taps":
        layer.conv.weight.copy_(layer.conv.weight.flip(2))
    else:
        layer.conv.dilation = (3,)
    x = torch.randn(3, WIDTH, 83)
    with pytest.raises(AssertionError):
        assert_close(sum_of_skips(ours, x), theirs(x, torch.ones(3, 1, 83)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("n_mixture", [3, 0])
@torch.no_grad()
def test_queues_say_what_the_whole_pass_says(kernel: int, n_mixture: int) -> None:
    from largemodels.models.wavenet import Queues

    torch.manual_seed(1)
    model = randomised(WaveNet(WaveNetConfig(5, 9, 7, 3, kernel, n_mixture))).eval()
    levels = torch.randint(256, (3, 61))
    queues = Queues(model)
    said = torch.stack([queues.step(levels[:, time]) for time in range(61)], dim=2)
    assert_close(said, model(levels), rtol=1e-4, atol=1e-4)


def test_the_law_is_that_of_its_formula() -> None:
    sound = torch.linspace(-1, 1, 4001, dtype=torch.float64)
    expected = [math.copysign(math.log(1 + 255 * abs(it)) / math.log(256), it) for it in sound.tolist()]
    assert_close(companded(sound), torch.tensor(expected, dtype=torch.float64))
    assert_close(expanded(companded(sound)), sound)
    levels = torch.arange(256)
    assert torch.equal(to_levels(expanded(from_levels(levels))), levels)


def test_probabilities_are_those_of_torch_distributions() -> None:
    """A logistic variable as torch builds it: a uniform one through the inverse of the sigmoid."""
    from torch.distributions import AffineTransform, SigmoidTransform, TransformedDistribution, Uniform

    torch.manual_seed(2)
    said = torch.randn(2, 9, 5, dtype=torch.float64)
    said[:, 6:] += 2  # wide ones, as torch's differences of probabilities vanish far from the mean
    levels = torch.tensor([[0, 255, 3, 128, 77], [12, 0, 255, 200, 129]])
    weights, means, scales = said.chunk(3, dim=1)
    uniform = Uniform(torch.zeros_like(means), torch.ones_like(means))
    scale = (scales - 3).exp()
    logistic = TransformedDistribution(uniform, [SigmoidTransform().inv, AffineTransform(means, scale)])
    values = (levels.double() / 127.5 - 1)[:, None]
    above, below = (logistic.cdf(values + by) for by in (1 / 255, -1 / 255))
    above[(levels == 255)[:, None].expand_as(above)] = 1
    below[(levels == 0)[:, None].expand_as(below)] = 0
    expected = (weights.softmax(dim=1) * (above - below)).sum(dim=1).log()
    assert_close(log_probs(said, levels), expected, rtol=1e-5, atol=1e-5)
