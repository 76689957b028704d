"""The optimisers: AdamW for everything, or Muon for the matrices and AdamW for the rest.

AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) scales each number of a gradient by its own
running size. Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) sees a matrix as a whole: it takes
the momentum of the gradient, sets all its singular values to about 1, and steps in that direction, so that rare
directions move as far as common ones. Embeddings, the output head and vectors are no such maps and stay with AdamW.

Two things differ from the paper's code: matrices of one shape are orthogonalised together, and in fp32 except on CUDA,
where bf16 is faster and exact enough.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .training import TrainingConfig

OPTIMIZERS = ("adamw", "muon")


def newton_schulz(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrices with orthogonal rows or columns, roughly: singular values between 0.7 and 1.2.

    Each step applies the odd polynomial a·s + b·s³ + c·s⁵ to all singular values s at once, by matrix products only.
    Its coefficients are Muon's, chosen to lift small values fast rather than to settle at 1.

    Args:
        matrices: ``(n, rows, cols)``.
        steps: times that the polynomial is applied.

    Returns:
        the same shape and type.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)  # no singular value above 1
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT  # the products below are then of the smaller size
    for _ in range(steps):
        square = x @ x.mT  # (n, rows, rows)
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)  # b·square + c·square²
        x = torch.baddbmm(x, polynomial, x, beta=a)  # a·x + polynomial·x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised.

    With gradient G and momentum M of a matrix W, ``(rows, cols)``::

        M ← μ M + (1 - μ) G
        O = newton_schulz(μ M + (1 - μ) G)                      Nesterov's look ahead
        W ← (1 - lr · weight_decay) W - lr · √max(1, rows / cols) · O

    Args:
        parameters: matrices.
        lr: learning rate.
        momentum: μ.
        weight_decay: decoupled, as in AdamW.

    Raises:
        ValueError: if a parameter is no matrix.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    raise ValueError(
                        f"Muon is for matrices, not for a tensor of shape {tuple(parameter.shape)}."
                    )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all matrices that have a gradient."""
        for group in self.param_groups:
            same_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    same_shape[tuple(weight.shape)].append(weight)
            for (rows, cols), weights in same_shape.items():
                directions = torch.stack([self._momentum(weight, group["momentum"]) for weight in weights])
                exact = torch.bfloat16 if directions.is_cuda else torch.float32
                orthogonal = newton_schulz(directions.to(exact)).to(directions.dtype)  # (n, rows, cols)
                distance = group["lr"] * max(1, rows / cols) ** 0.5
                for weight, direction in zip(weights, orthogonal, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-distance)

    def _momentum(self, weight: Tensor, mu: float) -> Tensor:
        """Take the gradient into the momentum of a matrix; returns where the momentum is heading."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(weight.grad, 1 - mu)
        return weight.grad.lerp(momentum, mu)


def matrices(model: nn.Module) -> list[nn.Parameter]:
    """What Muon is for: the trained weights of all linear layers but those in a module called ``head``.

    A weight that a linear layer shares with an embedding counts as an embedding.
    """
    outside = {
        id(parameter)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) or name.rpartition(".")[2] == "head"
        for parameter in module.parameters()
    }
    weights = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)} - outside
    return [
        parameter for parameter in model.parameters() if id(parameter) in weights and parameter.requires_grad
    ]


def make_optimizers(model: nn.Module, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """The optimisers of a training, each with the highest learning rate of its groups in ``initial_lr``.

    AdamW decays matrices only: biases, norms and other vectors keep their size.

    Raises:
        ValueError: if there is nothing to train, or nothing for Muon.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("The model has no parameters to train: all are frozen.")
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "muon":
        by_muon = matrices(model)
        if not by_muon:
            raise ValueError('The model has no linear layers for Muon: train it with optimizer="adamw".')
        taken = {id(matrix) for matrix in by_muon}
        parameters = [parameter for parameter in parameters if id(parameter) not in taken]
        optimizers.append(
            Muon(by_muon, config.matrix_learning_rate, config.momentum, weight_decay=config.weight_decay)
        )
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    if parameters:
        optimizers.append(torch.optim.AdamW(groups, config.learning_rate, betas=config.betas, fused=True))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers
