"""Our roundings, cuts and factors against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils import prune
from torch.testing import assert_close

from largemodels.models.compression import (
    best_grid,
    gptq,
    grid,
    keep_largest,
    low_rank,
    moments,
    on_grid,
    round_to_nearest,
    sparse_bytes,
    stored_bytes,
)
from largemodels.models.int8 import quantise


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_rounding_equals_torchs_fake_quantisation(bits: int) -> None:
    torch.manual_seed(bits)
    weight = torch.randn(5, 21) * torch.rand(5, 1) + 0.1
    for group in (None, 7, 100):
        rows = weight.reshape(-1, 7 if group == 7 else 21)
        step, zero = grid(rows, bits)
        theirs = torch.fake_quantize_per_channel_affine(
            rows, step.flatten(), zero.flatten().int(), 0, 0, 2**bits - 1
        )
        assert_close(round_to_nearest(weight, bits, group), theirs.view_as(weight))
        assert all(len(row.unique()) <= 2**bits for row in theirs)


def test_a_grid_covers_its_range_and_zero() -> None:
    values = torch.tensor([[0.5, 2.0, 1.25], [-3.0, -1.0, -2.0], [0.0, 0.0, 0.0]])
    step, zero = grid(values, 3)
    rounded = on_grid(values, step, zero, 3)
    assert ((rounded - values).abs() <= step / 2 + 1e-6).all()
    assert_close(on_grid(torch.zeros(3, 1), step, zero, 3), torch.zeros(3, 1))


def test_searching_the_range_leaves_less_error() -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 66)
    weight[:, 5] = 9.0
    plain = (round_to_nearest(weight, 2, 33) - weight).square().sum()
    searched = (round_to_nearest(weight, 2, 33, (1.0, 0.7, 0.4)) - weight).square().sum()
    assert searched < plain
    assert_close(best_grid(weight, 2, (0.7,)), grid(weight, 2, 0.7))
    with pytest.raises(ValueError, match="cannot be cut into groups of 8"):
        round_to_nearest(weight, 2, 8)


def test_int8_with_scales_equals_torchs_int8() -> None:
    torch.manual_seed(0)
    weight = torch.randn(7, 13)
    codes, scale = quantise(weight)
    theirs = torch.quantize_per_channel(weight, scale, torch.zeros(7), 0, torch.qint8)
    assert_close(codes, theirs.int_repr())


def obvious_gptq(weight: torch.Tensor, moment: torch.Tensor, bits: int, group: int) -> torch.Tensor:
    """The textbook's way: after each column the inverse of what is left is computed anew."""
    weight, rounded = weight.double().clone(), torch.zeros_like(weight).double()
    moment = moment.double() + 0.01 * moment.double().diagonal().mean() * torch.eye(len(moment))
    for i in range(weight.shape[1]):
        if i % group == 0:
            step, zero = grid(weight[:, i : i + group], bits)
        inverse = torch.linalg.inv(moment[i:, i:])
        rounded[:, i : i + 1] = on_grid(weight[:, i : i + 1], step, zero, bits)
        error = (weight[:, i] - rounded[:, i]) / inverse[0, 0]
        weight[:, i:] -= error[:, None] * inverse[0]
    return rounded.float()


@pytest.mark.parametrize(("cols", "group"), [(12, 12), (12, 4), (150, 50), (384, 64)])
def test_gptq_equals_the_obvious_way(cols: int, group: int) -> None:
    torch.manual_seed(cols)
    x = torch.randn(400, cols) @ torch.randn(cols, cols)
    weight = torch.randn(5, cols)
    ours = gptq(weight, x.T @ x, 3, group)
    theirs = obvious_gptq(weight, x.T @ x, 3, group)
    assert (ours != theirs).float().mean() < 0.01  # a tie may fall either way
    if cols == 12:
        assert_close(ours, theirs)
    nearest = round_to_nearest(weight, 3, group)
    assert ((ours - weight) @ x.T).norm() < 0.9 * ((nearest - weight) @ x.T).norm()


def test_gptq_rounds_to_nearest_where_inputs_are_independent() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 14)
    assert_close(gptq(weight, torch.eye(14), 3, 7), round_to_nearest(weight, 3, 7))


def test_pruning_equals_torchs() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(13, 7)
    mask = keep_largest(layer.weight, 0.4)
    prune.l1_unstructured(layer, "weight", amount=7 * 13 - round(0.4 * 7 * 13))
    assert_close(mask, layer.weight_mask)


def test_low_rank_factors_are_the_best() -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(7, 11), torch.randn(300, 11) @ torch.randn(11, 11)
    first, second = low_rank(weight, 3)
    left, size, right = torch.linalg.svd(weight)
    assert_close(first @ second, left[:, :3] * size[:3] @ right[:3])
    weighed = torch.matmul(*low_rank(weight, 3, x.T @ x))
    assert ((weighed - weight) @ x.T).norm() < 0.95 * ((first @ second - weight) @ x.T).norm()
    assert_close(torch.matmul(*low_rank(weight, 7, x.T @ x)), weight, rtol=1e-3, atol=1e-4)


def test_bytes_by_hand() -> None:
    assert stored_bytes((3, 8), 4) == 3 * (4 + 2 + 0.5)
    assert stored_bytes((3, 8), 2, 4) == 3 * 2 * (1 + 2 + 0.25)
    assert sparse_bytes((4, 8), 0.25, 8) == 4 + 8 + 4 * 3


def test_moments_of_what_layers_read() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    x = torch.randn(2, 4, 3)
    found = moments(model, x.split(1), lambda name: name == "2")
    read = model[1](model[0](x)).flatten(0, 1)
    assert found.keys() == {"2"}
    assert_close(found["2"], read.T @ read)
    assert not model[2]._forward_pre_hooks


def test_a_shrunk_grid_clips_on_both_sides() -> None:
    """Half of the range from -2 to 4, with four points: -1, 0, 1, 2."""
    values = torch.tensor([[-2.0, 0.0, 1.0, 4.0]])
    step, zero = grid(values, 2, 0.5)
    assert (step.item(), zero.item()) == (1.0, 1.0)
    assert_close(on_grid(values, step, zero, 2), torch.tensor([[-1.0, 0.0, 1.0, 2.0]]))


def test_gptq_searches_the_range_and_is_damped_as_asked() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(50, 14) @ torch.randn(14, 14), torch.randn(5, 14)
    weight[:, 3] = 9.0
    shrinks = (1.0, 0.7, 0.4)
    searched = round_to_nearest(weight, 2, 7, shrinks)
    assert not torch.equal(searched, round_to_nearest(weight, 2, 7))
    assert_close(gptq(weight, torch.eye(14), 2, 7, shrinks=shrinks), searched)
    # Much damping makes the inputs look independent, and inputs that were never seen are.
    assert_close(gptq(weight, x.T @ x, 2, 7, damping=1e9), round_to_nearest(weight, 2, 7))
    assert_close(gptq(weight, torch.zeros(14, 14), 2, 7), round_to_nearest(weight, 2, 7))


def test_low_rank_outputs_are_the_nearest() -> None:
    """By the symmetric root of the damped moment; any root gives the same product."""
    torch.manual_seed(0)
    weight, x = torch.randn(7, 11).double(), torch.randn(300, 11) @ torch.randn(11, 11)
    moment = (x.T @ x).double()
    values, vectors = torch.linalg.eigh(moment + 0.01 * moment.trace() / 11 * torch.eye(11))
    root = vectors * values.sqrt() @ vectors.T
    left, size, right = torch.linalg.svd(weight @ root, full_matrices=False)
    nearest = left[:, :3] * size[:3] @ right[:3] @ root.inverse()
    assert_close(torch.matmul(*low_rank(weight, 3, moment)), nearest.float(), rtol=1e-4, atol=1e-4)


def test_shares_are_rounded_to_the_nearest_number() -> None:
    """0.55 of five numbers is 2.75, and three are kept."""
    assert_close(keep_largest(torch.arange(5.0) - 1.5, 0.55), torch.tensor([1.0, 0, 0, 1, 1]))
    assert sparse_bytes((1, 5), 0.55, 8) == 5 / 8 + 3 + 3


def test_what_is_given_is_left_alone() -> None:
    torch.manual_seed(0)
    weight, moment = torch.randn(5, 6).double(), torch.eye(6).double() + 1
    copies = weight.clone(), moment.clone()
    gptq(weight, moment, 2)
    low_rank(weight, 2, moment)
    assert torch.equal(weight, copies[0]) and torch.equal(moment, copies[1])
