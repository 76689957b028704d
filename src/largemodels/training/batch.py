"""What a batch may be, and how many items its loss is a mean over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Batch = tuple[Tensor, ...] | dict[str, Tensor]  # (batch, …) each
IGNORED = -100  # a target that does not count, as in torch.nn.functional.cross_entropy


def call(function: Callable[..., Any], *first: Any, batch: Batch) -> Any:
    """Call ``function(*first, *batch)``, or ``function(*first, **batch)`` if the batch is a dict."""
    return function(*first, **batch) if isinstance(batch, dict) else function(*first, *batch)


def tensors(batch: Batch) -> tuple[Tensor, ...]:
    """The tensors of a batch, in order."""
    return tuple(batch.values()) if isinstance(batch, dict) else batch


def apply(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with each tensor replaced by what a function makes of it."""
    if isinstance(batch, dict):
        return {name: function(tensor) for name, tensor in batch.items()}
    return tuple(map(function, batch))


def n_targets(batch: Batch) -> int:
    """How many items the mean loss of a batch is taken over.

    If the batch has targets that are integers, those that are not -100; otherwise the rows. The targets of a tuple are
    its second tensor, as in ``loss(inputs, targets, …)``, those of a dict the tensor named "targets" or "labels".
    """
    if isinstance(batch, dict):
        targets = batch.get("targets", batch.get("labels"))
    else:
        targets = batch[1] if len(batch) > 1 else None
    if targets is None or targets.is_floating_point():
        return len(tensors(batch)[0])
    return int((targets != IGNORED).sum())
