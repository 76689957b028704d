"""Fréchet distance between two sets of samples, each described by its mean and covariance.

Dowson and Landau, 1982 (https://doi.org/10.1016/0047-259X(82)90077-X), give it for Gaussians; Heusel et al., 2017
(https://arxiv.org/abs/1706.08500), take it in the features of an image classifier, the judge.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½), the square of a distance.

    Args:
        a: features, ``(n, features)``.
        b: features, ``(m, features)``.
    """
    a, b = a.double(), b.double()
    shift = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    first, second = torch.cov(a.T), torch.cov(b.T)
    # The eigenvalues of a product of two covariances are real and not negative, but for rounding.
    values = torch.linalg.eigvals(first @ second).real.clamp(min=0)
    return (shift + first.trace() + second.trace() - 2 * values.sqrt().sum()).item()
