"""Was an example in the training set? The likelihood-ratio attack.

Carlini et al., 2021, "Membership inference attacks from first principles" (https://arxiv.org/abs/2112.03570),
section IV, for auditing models of one's own: of many models, each trained on a random part of the same examples, each
is attacked in turn with the help of the others, its shadow models. As the paper advises for few shadow models, the
variances are shared by all examples.
"""

from __future__ import annotations

import torch
from torch import Tensor


def likelihood_ratios(scores: Tensor, member: Tensor) -> Tensor:
    """How much likelier a model's score of an example is if the example was in its training set.

    Args:
        scores: ``(models, examples)``, how sure each model is of an example's label, as a log-odds.
        member: ``(models, examples)``, bool: which examples each model was trained on.

    Returns:
        ``(models, examples)``: logarithm of the ratio of two normal densities, whose means come from all *other*
        models that were, and were not, trained on the example.

    Raises:
        ValueError: if some example has fewer than three models on either side.
    """
    sides = torch.stack([member, ~member]).to(scores.dtype)  # (2, models, examples)
    counts = sides.sum(1, keepdim=True)
    if counts.min() < 3:
        raise ValueError("Each example needs three models trained with it and three without it.")
    sums = (sides * scores).sum(1, keepdim=True)
    left_out = (sums - sides * scores) / (counts - sides)  # means without the attacked model
    spread = sides * (scores - sums / counts).square()
    variances = spread.sum((1, 2)) / (counts - 1).sum((1, 2))  # (2,)
    inside, outside = torch.distributions.Normal(left_out, variances.sqrt()[:, None, None]).log_prob(scores)
    return inside - outside


def true_positives(scores: Tensor, member: Tensor, false_positives: float) -> Tensor:
    """Share of the members that an attack finds while it accuses at most a given share of the others.

    Args:
        scores: ``(examples,)``, higher for those that are taken for members.
        member: ``(examples,)``, bool.
        false_positives: largest share of the non-members above the threshold.

    Returns:
        ``()``.
    """
    others = scores[~member].sort(descending=True).values
    allowed = int(false_positives * len(others))
    threshold = others[allowed] if allowed < len(others) else others[-1] - 1
    return (scores[member] > threshold).double().mean()
