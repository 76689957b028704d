"""EASE: a linear model of which film goes with which, in closed form.

Steck, 2019, "Embarrassingly shallow autoencoders for sparse data" (https://arxiv.org/abs/1905.03375). Each column of
the table of people and items is predicted from all the others by ridge regression:

    min over B of ‖X - X B‖² + penalty ‖B‖², with the diagonal of B zero,

so no item explains itself. With P = (XᵀX + penalty I)⁻¹ the solution is B_ij = -P_ij / P_jj off the diagonal.
"""

from __future__ import annotations

import torch
from torch import Tensor


def ease(seen: Tensor, penalty: float) -> Tensor:
    """The weights of EASE.

    Args:
        seen: ``(people, items)``, 1 where a person has chosen an item, otherwise 0.
        penalty: on the squared weights, above 0.

    Returns:
        ``(items, items)``, in double precision: a person's row times this gives the scores of all items.

    Raises:
        ValueError: if the penalty is not positive.
    """
    if penalty <= 0:
        raise ValueError(f"penalty must be positive, not {penalty}.")
    gram = seen.double().T @ seen.double()
    gram.diagonal().add_(penalty)
    inverse = torch.linalg.inv(gram)
    weights = -inverse / inverse.diagonal()  # column j divided by P_jj
    return weights.fill_diagonal_(0)
