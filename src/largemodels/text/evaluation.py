"""The loss of a language model on a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..models.modes import evaluating


@torch.no_grad()
def evaluate(
    model: nn.Module, tokens: Tensor, context_length: int, *, overlap: int = 0, batch_size: int = 64
) -> float:
    """Mean loss over a whole text, in nats per token.

    The text is cut into windows. A token is predicted from those before it in its window, so without overlap the
    first tokens of a window have hardly any context. With overlap each token but the first ones of the text sees at
    least ``overlap`` others, which costs time but makes the result depend less on where the text is cut.

    Args:
        model: has ``loss(inputs, targets)``, a mean over the targets that are not -100.
        tokens: ``(time,)``, at least ``context_length + 1``; an incomplete last window is dropped.
        context_length: tokens per window.
        overlap: tokens that a window shares with the previous one; they serve as context and are not scored again.
        batch_size: windows per batch.

    Raises:
        ValueError: if there are too few tokens, or ``overlap`` is not between 0 and ``context_length - 1``.
    """
    if not 0 <= overlap < context_length:
        raise ValueError(f"overlap must lie between 0 and context_length - 1, not {overlap}.")
    if len(tokens) <= context_length:
        raise ValueError(
            f"The tokens are too few for one window of {context_length} and a target: {len(tokens)}."
        )
    device = next(model.parameters()).device
    windows = tokens.unfold(0, context_length + 1, context_length - overlap)  # (n, context_length + 1)
    inputs, targets = windows[:, :-1], windows[:, 1:].clone()
    targets[1:, :overlap] = -100
    total, count = 0.0, 0
    with evaluating(model):
        for some_inputs, some_targets in zip(
            inputs.split(batch_size), targets.split(batch_size), strict=True
        ):
            scored = int((some_targets != -100).sum())
            loss = model.loss(some_inputs.to(device), some_targets.to(device))  # type: ignore[operator]
            total += loss.item() * scored
            count += scored
    return total / count


@torch.no_grad()
def continuation_loss(model: nn.Module, prompts: Sequence[Tensor], continuations: Sequence[Tensor]) -> float:
    """Total loss of continuations given their prompts, in nats, summed over all tokens.

    Args:
        model: a language model with ``loss(inputs, targets)`` as for :func:`evaluate`, and perhaps a
            ``context_length``.
        prompts: ``(time,)`` each, at least one token; they are not scored.
        continuations: ``(n,)`` each, one per prompt.

    Raises:
        ValueError: for an empty prompt, or a text longer than the model's context.
    """
    total = 0.0
    context_length = getattr(model, "context_length", None)
    with evaluating(model):
        for prompt, continuation in zip(prompts, continuations, strict=True):
            if not len(prompt):
                raise ValueError("A prompt is empty: each needs at least one token.")
            if not len(continuation):
                continue
            text = torch.cat([prompt, continuation]).to(next(model.parameters()).device)
            if context_length is not None and len(text) - 1 > context_length:
                raise ValueError(f"{len(text)} tokens are too many for a context of {context_length}.")
            targets = text[1:].clone()
            targets[: len(prompt) - 1] = -100
            total += model.loss(text[None, :-1], targets[None]).item() * len(continuation)  # type: ignore[operator]
    return total
