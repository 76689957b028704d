"""Losses of two players: a generator, and a discriminator that tells its samples from real ones.

"non-saturating" and "saturating": Goodfellow et al., 2014, "Generative adversarial nets"
(https://arxiv.org/abs/1406.2661). In both the discriminator's loss is the cross-entropy of a classifier into real and
generated. The generator that saturates minimises the discriminator's gain; the other maximises the probability that the
discriminator gives to "real". "wasserstein": Arjovsky, Chintala and Bottou, 2017 (https://arxiv.org/abs/1701.07875), to
be used with the gradient penalty of Gulrajani et al., 2017 (https://arxiv.org/abs/1704.00028).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.checks import one_of

GAMES = ("non-saturating", "saturating", "wasserstein")


def discriminator_loss(real: Tensor, generated: Tensor, game: str = "non-saturating") -> Tensor:
    """What the discriminator minimises, a scalar.

    Args:
        real: its logits for real samples, ``(batch,)``.
        generated: its logits for generated samples, ``(batch,)``.
        game: one of ``GAMES``.
    """
    one_of(GAMES, game=game)
    if game == "wasserstein":
        return generated.mean() - real.mean()
    return F.softplus(-real).mean() + F.softplus(generated).mean()  # -log σ(a) = softplus(-a)


def generator_loss(generated: Tensor, game: str = "non-saturating") -> Tensor:
    """What the generator minimises, a scalar; ``generated`` is the discriminator's logits for it, ``(batch,)``."""
    one_of(GAMES, game=game)
    if game == "wasserstein":
        return -generated.mean()
    return F.softplus(-generated).mean() if game == "non-saturating" else -F.softplus(generated).mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor) -> Tensor:
    """Mean of (slope - 1)² at random points between real and generated samples, a scalar.

    Args:
        discriminator: samples ``(batch, …)`` to logits ``(batch,)``, each of which depends on its own sample alone: no
            batch normalisation.
        real: ``(batch, …)``.
        generated: ``(batch, …)``.
    """
    where = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = (where * real + (1 - where) * generated).detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
