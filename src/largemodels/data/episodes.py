"""Tasks of few examples: which classes, which of their examples are shown, and which are asked for."""

from __future__ import annotations

import torch
from torch import Tensor


def episodes(
    n_classes: int, n_examples: int, *, way: int, shot: int, query: int, n: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw tasks: of so many classes ("way"), so many examples shown ("shot") and others asked for ("query").

    Args:
        n_classes: to choose from.
        n_examples: of each class, numbered alike.
        way: classes of a task.
        shot: examples of a class that are shown.
        query: other examples of a class that are asked for.
        n: number of tasks.
        generator: draws them.

    Returns:
        the classes, ``(n, way)``, the numbers of the examples shown, ``(n, way, shot)``, and of those asked for,
        ``(n, way, query)``.

    Raises:
        ValueError: if there are fewer classes or examples than a task needs.
    """
    if way > n_classes or shot + query > n_examples:
        raise ValueError(
            f"A task needs {way} classes of {shot} + {query} examples; there are {n_classes} of {n_examples}."
        )
    classes = torch.rand(n, n_classes, generator=generator).argsort(dim=1)[:, :way]
    examples = torch.rand(n, way, n_examples, generator=generator).argsort(dim=2)
    return classes, examples[..., :shot], examples[..., shot : shot + query]
