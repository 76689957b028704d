"""The optimisers: AdamW for everything, or Muon for the matrices and AdamW for the rest.

AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) scales each element of a gradient by its own
running magnitude. Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) treats a matrix as a whole: it
takes the momentum of the gradient, sets all its singular values to about 1, and steps in that direction, so that rare
directions move as far as common ones. Embeddings, the output head and vectors are not such maps and stay with AdamW.

A module declares exceptions by the names of its layers or parameters: ``by_adamw`` lists layers that Muon leaves to
AdamW; ``stacked`` says that a layer's matrix is several maps stacked by rows, and how many rows each has; ``decayed``
lists the module's own parameters that are matrices and should decay as those of layers do.

Two things differ from the original code: matrices of the same shape are orthogonalised together, and in fp32 except on
CUDA, where bf16 is faster and accurate enough.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .config import TrainingConfig

# Coefficients a, b, c of Muon's polynomial, and the number of times it is applied.
POLYNOMIAL, STEPS = (3.4445, -4.7750, 2.0315), 5


def newton_schulz(matrices: Tensor) -> Tensor:
    """Approximately the nearest matrices with orthonormal rows or columns: singular values between 0.7 and 1.2.

    Each step applies the odd polynomial a·s + b·s³ + c·s⁵ to all singular values s at once, by matrix products only.
    The coefficients are chosen to lift small values fast rather than to converge to 1.

    Args:
        matrices: ``(n, rows, cols)``.

    Returns:
        same shape and dtype.
    """
    a, b, c = POLYNOMIAL
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = _within_one(matrices.mT if tall else matrices)  # so that the products below have the smaller side
    for _ in range(STEPS):
        gram = x @ x.mT  # (n, rows, rows), its eigenvalues are s²
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # b·gram + c·gram²
        x = torch.baddbmm(x, polynomial, x, beta=a)  # a·x + polynomial·x
    return x.mT if tall else x


def newton_schulz_by_gram(matrices: Tensor) -> Tensor:
    """Same as :func:`newton_schulz` in as little as half the time, for fp32 only.

    The steps multiply ``x`` from the left by polynomials of ``gram``, so their product can be computed first, from
    matrices of the smaller side. Rounding errors grow about twelvefold per step, which bf16 would not survive.

    Args:
        matrices: ``(n, rows, cols)``.

    Returns:
        same shape and dtype.
    """
    a, b, c = POLYNOMIAL
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = _within_one(matrices.mT if tall else matrices)
    gram = x @ x.mT  # (n, rows, rows)
    identity = torch.eye(gram.shape[-1], dtype=x.dtype, device=x.device)
    product = polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c) + a * identity
    for _ in range(STEPS - 1):
        gram = polynomial @ gram @ polynomial
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c) + a * identity
        product = polynomial @ product
    x = product @ x
    return x.mT if tall else x


def _within_one(matrices: Tensor) -> Tensor:
    """The matrices, scaled so that no singular value exceeds 1."""
    return matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum.

    With gradient G and momentum M of a matrix W, ``(rows, cols)``::

        M ← μ M + (1 - μ) G
        O = newton_schulz(μ M + (1 - μ) G)            Nesterov: look ahead
        W ← (1 - lr · weight_decay) W - lr · √max(1, rows / cols) · O

    Args:
        parameters: matrices, or groups of them. If the matrices of a group are several maps stacked by rows, ``parts``
            gives the rows of each, and each is orthogonalised separately.
        lr: learning rate.
        momentum: μ.
        weight_decay: decoupled, as in AdamW.

    Raises:
        ValueError: if a parameter is not a matrix.
    """

    needs_whole_matrices = True  # it cannot work on the shards of sharded weights

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": None}
        super().__init__(parameters, defaults)
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
            same_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    parts = list(group["parts"] or [len(weight)])
                    heading = self._momentum(weight, group["momentum"]).split(parts)
                    for pair in zip(weight.split(parts), heading, strict=True):
                        same_shape[tuple(pair[0].shape)].append(pair)
            for (rows, cols), pairs in same_shape.items():
                orthogonal = self._orthogonal(torch.stack([heading for _, heading in pairs]))
                distance = group["lr"] * max(1, rows / cols) ** 0.5
                for (weight, _), direction in zip(pairs, orthogonal, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-distance)

    @staticmethod
    def _orthogonal(matrices: Tensor) -> Tensor:
        """Orthogonalise by the faster method for the device: ``(n, rows, cols)`` to the same shape."""
        if matrices.is_cuda:
            return newton_schulz(matrices.bfloat16()).to(matrices.dtype)
        square = matrices.shape[-2] == matrices.shape[-1]  # nothing to gain from the smaller side
        form = newton_schulz if square else newton_schulz_by_gram
        return form(matrices.float()).to(matrices.dtype)

    def _momentum(self, weight: Tensor, mu: float) -> Tensor:
        """Update the momentum of a matrix with its gradient; returns the look-ahead momentum."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(weight.grad, 1 - mu)
        return weight.grad.lerp(momentum, mu)


def matrices(model: nn.Module) -> list[dict[str, Any]]:
    """The matrices for Muon, in groups: the trainable weights of linear layers, except those left to AdamW.

    A module names the latter in an attribute, such as ``by_adamw = ("head",)``. Its attribute ``stacked`` says which
    layers hold several maps stacked by rows, such as queries, keys and values: it maps the layer's name to the rows of
    each map. A weight that a layer shares with an embedding counts as an embedding.
    """
    modules = dict(model.named_modules())
    kept = [module for module in modules.values() if isinstance(module, nn.Embedding)]
    for module in modules.values():
        names = getattr(module, "by_adamw", ())
        kept += [child for name, child in module.named_children() if name in names]
    taken = {id(parameter) for module in kept for parameter in module.parameters()}
    groups: dict[tuple[int, ...] | None, list[Tensor]] = defaultdict(list)
    for name, module in modules.items():
        if isinstance(module, nn.Linear) and module.weight.requires_grad and id(module.weight) not in taken:
            taken.add(id(module.weight))
            parent, _, own = name.rpartition(".")
            groups[getattr(modules[parent], "stacked", {}).get(own)].append(module.weight)
    return [{"params": weights, "parts": parts} for parts, weights in groups.items()]


# Layers whose weights are matrices, filters or embedding tables.
WITH_MATRICES = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.modules.conv._ConvNd, nn.RNNBase)


def decayed(model: nn.Module) -> set[int]:
    """The ``id`` of each parameter that gets weight decay: matrices, filters and embeddings of PyTorch's layers.

    Biases, norms and parameters that a module holds directly, such as class tokens, get none. A module with parameters
    of its own that play the role of a linear layer's matrix names them: ``decayed = ("weight",)``.
    """
    found: set[int] = set()
    for module in model.modules():
        names = getattr(module, "decayed", ())
        known = isinstance(module, WITH_MATRICES)
        for name, parameter in module.named_parameters(recurse=False):
            if name in names or (known and parameter.ndim >= 2):
                found.add(id(parameter))
    return found


def make_optimizers(model: nn.Module, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """The optimisers of a training run, with the peak learning rate of each parameter group in ``initial_lr``.

    Weight decay applies only to the parameters in :func:`decayed`.

    Raises:
        ValueError: if there are no parameters to train, or no matrices for Muon.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("The model has no parameters to train: it has none, or all are frozen.")
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "muon":
        by_muon = matrices(model)
        if not by_muon:
            raise ValueError('The model has no linear layers for Muon: train it with optimizer="adamw".')
        taken = {id(matrix) for group in by_muon for matrix in group["params"]}
        parameters = [parameter for parameter in parameters if id(parameter) not in taken]
        optimizers.append(
            Muon(by_muon, config.matrix_learning_rate, config.momentum, weight_decay=config.weight_decay)
        )
    with_decay = decayed(model)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if id(p) in with_decay], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if id(p) not in with_decay], "weight_decay": 0.0},
    ]
    if parameters:
        optimizers.append(torch.optim.AdamW(groups, config.learning_rate, betas=config.betas, fused=True))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers
