"""Networks for motion: their sizes, what they learn, how they are made narrower, and eight bits."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.motion import (
    Int8Convolutions,
    MotionConvolutions,
    MotionConvolutionsConfig,
    MotionTransformer,
    MotionTransformerConfig,
)


@pytest.mark.parametrize(
    "model",
    [
        MotionConvolutions(MotionConvolutionsConfig(channels=(8, 12), dropout=0.0)),
        MotionTransformer(MotionTransformerConfig(length=40, patch=8, d_model=16, d_hidden=24, dropout=0.0)),
    ],
)
def test_learns_which_axis_moves(model: MotionConvolutions | MotionTransformer) -> None:
    torch.manual_seed(0)
    labels = torch.arange(60) % 6
    motion = 0.1 * torch.randn(60, 40, 6)
    motion[torch.arange(60), :, labels] += torch.linspace(0, 12, 40).sin()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(motion, labels).backward()
        optimizer.step()
    assert (model.eval()(motion).argmax(1) == labels).float().mean() > 0.95


def test_operations_are_those_of_the_convolutions() -> None:
    model = MotionConvolutions(MotionConvolutionsConfig(channels=(4, 5), kernel=3))
    assert model.operations(20) == 7 * 4 * 6 * 3 + 3 * 5 * 4 * 3 + 5 * 7


def test_narrowed_keeps_the_filters_with_the_largest_factors() -> None:
    model = MotionConvolutions(MotionConvolutionsConfig(channels=(5, 4))).eval()
    with torch.no_grad():
        model.norms[0].weight.copy_(torch.tensor([0.0, -2.0, 0.0, 1.0, 3.0]))
        model.norms[1].weight.copy_(torch.tensor([1.0, 0.0, -1.0, 0.0]))
        for norm in model.norms:
            norm.bias.zero_()
    motion = torch.randn(3, 30, 6)
    # What is left out answered nothing, so nothing changes.
    assert_close(model.narrowed((3, 2)).eval()(motion), model(motion))
    assert not torch.allclose(model.narrowed((2, 2)).eval()(motion), model(motion))


def test_eight_bits_are_near_and_refuse_large_sums() -> None:
    torch.manual_seed(0)
    model, motion = MotionConvolutions(MotionConvolutionsConfig()).eval(), torch.randn(50, 200, 6)
    small = Int8Convolutions(model, motion)
    assert (small(motion) - model(motion)).abs().max() < 0.05 * model(motion).abs().max()
    large = MotionConvolutions(MotionConvolutionsConfig(channels=(160, 8)))
    with pytest.raises(ValueError, match="too large for exact sums"):
        Int8Convolutions(large.eval(), motion)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        MotionConvolutionsConfig(kernel=4)
    with pytest.raises(ValueError, match="channels must be at least 1"):
        MotionConvolutionsConfig(channels=(4, 0))
    with pytest.raises(ValueError, match="layers must be at least 1"):
        MotionConvolutionsConfig(channels=())
    with pytest.raises(ValueError, match="multiple of patch"):
        MotionTransformerConfig(length=30, patch=20)
    with pytest.raises(ValueError, match="multiple of n_head"):
        MotionTransformerConfig(n_head=5)
