"""Smaller weights after training: rounding to a few bits, GPTQ, pruning, and factors of low rank.

The functions return weights that are rounded or cut but still stored as floating-point numbers, as
``torch.fake_quantize_per_channel_affine`` does; :func:`stored_bytes` counts what they would need in a file.

- :func:`round_to_nearest`: uniform grids, one for each group of a row (Jacob et al., 2018, section 2.1,
  https://arxiv.org/abs/1712.05877), without batch statistics or fused biases.
- :func:`gptq`: Frantar et al., 2022 (https://arxiv.org/abs/2210.17323), with the lazy blocks of its section 3.3
  and the columns in their given order.
- :func:`keep_largest`: pruning by magnitude (Han et al., 2015, https://arxiv.org/abs/1506.02626).
- :func:`low_rank`: truncated singular value decomposition, of the matrix or of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from .checks import at_least


def _groups(weight: Tensor, group: int | None) -> Tensor:
    """``(rows, cols)`` as ``(rows, n_groups, group)``."""
    size = weight.shape[1] if group is None or group > weight.shape[1] else group
    if weight.shape[1] % size:
        raise ValueError(f"Rows of {weight.shape[1]} numbers cannot be cut into groups of {size}.")
    return weight.unflatten(1, (-1, size))


def grid(values: Tensor, bits: int, shrink: float = 1.0) -> tuple[Tensor, Tensor]:
    """Step and zero point of the grid of each group, so that its range, and zero, are covered.

    Args:
        values: ``(…, group)``.
        bits: 1 to 8; a grid has ``2 ** bits`` points.
        shrink: the share of the range that is covered; what lies beyond is clipped.

    Returns:
        ``(…, 1)`` each: the step, and the integer that stands for zero.
    """
    at_least(1, bits=bits)
    low = shrink * values.amin(dim=-1, keepdim=True).clamp(max=0)
    high = shrink * values.amax(dim=-1, keepdim=True).clamp(min=0)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-8)
    return step, (-low / step).round().clamp(0, 2**bits - 1)


def on_grid(values: Tensor, step: Tensor, zero: Tensor, bits: int) -> Tensor:
    """The nearest points of a grid, as numbers and not as integers."""
    codes = (values / step + zero).round().clamp(0, 2**bits - 1)
    return (codes - zero) * step


def best_grid(values: Tensor, bits: int, shrinks: Sequence[float] = (1.0,)) -> tuple[Tensor, Tensor]:
    """For each group that grid of :func:`grid` which leaves the least squared error.

    Args:
        values: ``(…, group)``.
        bits: as in :func:`grid`.
        shrinks: shares of the range to try; of equally good ones the first is taken.
    """
    found = [grid(values, bits, shrink) for shrink in shrinks]
    if len(found) == 1:
        return found[0]
    errors = torch.stack([(on_grid(values, *it, bits) - values).square().sum(-1, True) for it in found])
    best = errors.argmin(dim=0, keepdim=True)  # (1, …, 1)
    step, zero = (torch.stack(it).gather(0, best)[0] for it in zip(*found, strict=True))
    return step, zero


def round_to_nearest(
    weight: Tensor, bits: int, group: int | None = None, shrinks: Sequence[float] = (1.0,)
) -> Tensor:
    """A matrix rounded to grids of ``2 ** bits`` points.

    Args:
        weight: ``(rows, cols)``.
        bits: of each number.
        group: numbers that share a step and a zero point; None, or more than a row has: the row.
        shrinks: as in :func:`best_grid`.

    Returns:
        ``(rows, cols)``.

    Raises:
        ValueError: if a row is no whole number of groups.
    """
    values = _groups(weight, group)
    return on_grid(values, *best_grid(values, bits, shrinks), bits).flatten(1)


def gptq(
    weight: Tensor,
    moment: Tensor,
    bits: int,
    group: int | None = None,
    *,
    damping: float = 0.01,
    shrinks: Sequence[float] = (1.0,),
) -> Tensor:
    """A matrix rounded column by column; each column's error is passed on to those that follow.

    After column ``i`` is rounded, the others move so that the outputs on the inputs seen change least, which is the
    problem of Optimal Brain Surgeon (Hassibi and Stork, 1993) for one weight of each row.

    Args:
        weight: ``(rows, cols)``.
        moment: ``(cols, cols)``, sum over inputs ``x`` of their products, as from :func:`moments`.
        bits: of each number.
        group: as in :func:`round_to_nearest`; a group's grid is set when its first column is reached.
        damping: share of the mean diagonal that is added to the diagonal.
        shrinks: as in :func:`best_grid`.

    Returns:
        ``(rows, cols)``.
    """
    size = _groups(weight, group).shape[2]
    cols, block = weight.shape[1], size * max(1, 128 // size)  # groups do not cross blocks
    weight = weight.detach().double().clone()
    moment = moment.double().clone()
    moment.diagonal().add_(damping * moment.diagonal().mean().clamp(min=1e-12))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moment))
    # Row i of this factor holds what is left of row i of the inverse once the columns before i are fixed.
    factor = torch.linalg.cholesky(inverse, upper=True)
    rounded = torch.empty_like(weight)
    step = zero = weight.new_zeros(len(weight), 1)
    for start in range(0, cols, block):
        here, row = weight[:, start : start + block], factor[start : start + block]
        errors = torch.empty_like(here)
        for i in range(here.shape[1]):
            if (start + i) % size == 0:
                step, zero = best_grid(weight[:, start + i : start + i + size], bits, shrinks)
            column = here[:, i : i + 1].clone()
            rounded[:, start + i : start + i + 1] = near = on_grid(column, step, zero, bits)
            errors[:, i : i + 1] = (column - near) / row[i, start + i]
            here[:, i + 1 :] -= errors[:, i : i + 1] * row[i, start + i + 1 : start + here.shape[1]]
        weight[:, start + block :] -= errors @ row[:, start + block :]
    return rounded.float()


def keep_largest(weight: Tensor, share: float) -> Tensor:
    """A mask of ones and zeros: the numbers of largest magnitude, a given share of the matrix.

    Args:
        weight: any shape.
        share: of the numbers, from 0 to 1.
    """
    kept = round(share * weight.numel())
    mask = torch.zeros(weight.numel(), dtype=weight.dtype, device=weight.device)
    mask[weight.detach().abs().flatten().topk(kept).indices] = 1
    return mask.view_as(weight)


def low_rank(weight: Tensor, rank: int, moment: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Two factors whose product is nearest to a matrix, or gives the nearest outputs.

    Args:
        weight: ``(rows, cols)``.
        rank: columns of the first factor.
        moment: of the inputs, as in :func:`gptq`; None: all directions of the input count alike.

    Returns:
        ``(rows, rank)`` and ``(rank, cols)``.
    """
    at_least(1, rank=rank)
    matrix = weight.detach().double()
    if moment is None:
        left, size, right = torch.linalg.svd(matrix, full_matrices=False)
        second = right[:rank]
    else:
        moment = moment.double().clone()
        moment.diagonal().add_(0.01 * moment.diagonal().mean())  # as in GPTQ
        root = torch.linalg.cholesky(moment)  # inputs have the second moment root @ root.T
        left, size, right = torch.linalg.svd(matrix @ root, full_matrices=False)
        second = torch.linalg.solve(root, right[:rank], left=False)
    scale = size[:rank].sqrt()
    return (left[:, :rank] * scale).float(), (scale[:, None] * second).float()


def stored_bytes(shape: Sequence[int], bits: int, group: int | None = None) -> float:
    """Bytes of a rounded matrix: the numbers, and for each group a step of 16 bits and a zero point of ``bits``."""
    rows, cols = shape
    groups = rows * (1 if group is None or group > cols else cols // group)
    return (rows * cols * bits + groups * (16 + bits)) / 8


def sparse_bytes(shape: Sequence[int], share: float, bits: int) -> float:
    """Bytes of a pruned matrix: one bit a place for which are kept, and :func:`stored_bytes` of those, a grid a row."""
    rows, cols = shape
    return rows * cols / 8 + round(share * rows * cols) * bits / 8 + rows * (16 + bits) / 8


@torch.no_grad()
def moments(model: nn.Module, inputs: Iterable[Tensor], wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """What the linear layers of a model read: for each the sum of ``x.T @ x`` over its inputs ``x``.

    Args:
        model: called with each of the inputs.
        inputs: such as batches of tokens.
        wanted: whether a linear layer of this name is measured.

    Returns:
        ``(d_in, d_in)`` by the layer's name.
    """
    found: dict[str, Tensor] = {}

    def seen(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            rows = given[0].flatten(0, -2).float()
            found[name] = found.get(name, 0) + rows.T @ rows

        return hook

    layers = {it: layer for it, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    hooks = [layer.register_forward_pre_hook(seen(it)) for it, layer in layers.items() if wanted(it)]
    try:
        for some in inputs:
            model(some)
    finally:
        for hook in hooks:
            hook.remove()
    return found
