"""Clipped gradients against Opacus, without noise."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import nn

from largemodels.objectives.private import private_gradients


def test_the_clipped_mean_is_that_of_opacus() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3))
    theirs = GradSampleModule(copy.deepcopy(ours))
    x, y = torch.randn(9, 7), torch.randint(3, (9,))
    # At the median norm four of the nine are clipped and four are not.
    clip = private_gradients(ours, F.cross_entropy, x, y, clip=1.0, noise=0.0).median().item()
    sgd = torch.optim.SGD(theirs.parameters(), lr=0.0)
    private = DPOptimizer(sgd, noise_multiplier=0.0, max_grad_norm=clip, expected_batch_size=11)
    F.cross_entropy(theirs(x.clone().requires_grad_()), y).backward()  # its hooks want an input with one
    private.step()
    norms = private_gradients(ours, F.cross_entropy, x, y, clip=clip, noise=0.0, size=11)
    assert (norms > clip).any() and (norms < clip).any()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6)
