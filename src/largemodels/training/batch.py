"""The forms that a batch may take, and the number of items that its mean loss is taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Batch = tuple[Tensor, ...] | dict[str, Tensor]  # (batch, …) each
IGNORED = -100  # a target to ignore, as in torch.nn.functional.cross_entropy


def call(function: Callable[..., Any], *first: Any, batch: Batch) -> Any:
    """Call ``function(*first, *batch)``, or ``function(*first, **batch)`` if the batch is a dict."""
    return function(*first, **batch) if isinstance(batch, dict) else function(*first, *batch)


def tensors(batch: Batch) -> tuple[Tensor, ...]:
    """The tensors of a batch, in order."""
    return tuple(batch.values()) if isinstance(batch, dict) else batch


def apply(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with a function applied to each tensor."""
    if isinstance(batch, dict):
        return {name: function(tensor) for name, tensor in batch.items()}
    return tuple(map(function, batch))


def n_targets(batch: Batch) -> int:
    """Number of items that the mean loss of a batch is taken over.

    If the batch has integer targets, those that are not -100; otherwise the rows. The targets are the second tensor of
    a tuple, as in ``loss(inputs, targets, …)``, or the tensor named "targets" or "labels" in a dict.
    """
    if isinstance(batch, dict):
        targets = batch.get("targets", batch.get("labels"))
    else:
        targets = batch[1] if len(batch) > 1 else None
    if targets is None or targets.is_floating_point():
        return len(tensors(batch)[0])
    return int((targets != IGNORED).sum())
