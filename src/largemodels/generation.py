"""Text from a language model, one token after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from .models.gpt import GPT


@torch.no_grad()
def generate(
    model: GPT,
    tokens: Tensor,
    n_new: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue sequences by sampling.

    When the text outgrows the context, the model sees its last ``context_length`` tokens.

    Args:
        model: the language model.
        tokens: ``(batch, time)``, at least one token each.
        n_new: tokens to add.
        temperature: logits are divided by it; 0 takes the likeliest token each time.
        top_k: sample among this many likeliest tokens only.
        generator: source of randomness, on the CPU; the global one if not given.

    Returns:
        ``(batch, time + n_new)``.

    Raises:
        ValueError: for an empty prompt, a negative temperature or a top_k below 1.
    """
    if tokens.ndim != 2 or tokens.shape[1] < 1:
        raise ValueError("The prompt is empty: give at least one token.")
    if temperature < 0:
        raise ValueError(f"temperature must be 0 or positive, not {temperature}.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}.")
    mode = model.training
    model.eval()
    for _ in range(n_new):
        logits = model(tokens[:, -model.config.context_length :])[:, -1]  # (batch, vocab_size)
        tokens = torch.cat([tokens, _choose(logits, temperature, top_k, generator)], dim=1)
    model.train(mode)
    return tokens


def _choose(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Tensor:
    """One token for each row of logits: ``(batch, vocab_size)`` to ``(batch, 1)``."""
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k).values[:, -1:]  # (batch, 1)
        logits = logits.masked_fill(logits < least, -torch.inf)
    probs = (logits / temperature).softmax(dim=-1).cpu()  # drawn on the CPU: the same on every device
    return torch.multinomial(probs, 1, generator=generator).to(logits.device)
