"""How likely a language model finds given continuations: the measure behind multiple-choice tests.

The model is not asked to write. Each choice is appended to the prompt, and its tokens' log-probabilities are summed
(Brown et al., 2020, section 2.4, https://arxiv.org/abs/2005.14165). Texts of similar length are computed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..models.gpt import GPT
from ..models.modes import evaluating


@torch.no_grad()
def log_likelihoods(
    model: GPT,
    prompts: Sequence[Tensor],
    continuations: Sequence[Tensor],
    *,
    batch_size: int = 40,
    bfloat16: bool = False,
) -> Tensor:
    """Log-probability of each continuation after its prompt, in nats, summed over its tokens.

    Args:
        model: a language model.
        prompts: ``(time,)`` each, at least one token; they are not scored.
        continuations: ``(n,)`` each, one per prompt, at least one token.
        batch_size: texts computed together.
        bfloat16: compute products in half precision, which is faster and rounds.

    Returns:
        ``(len(prompts),)``, float32.

    Raises:
        ValueError: if a prompt or continuation is empty, or their numbers differ.
    """
    pairs = list(zip(prompts, continuations, strict=True))
    if not all(len(prompt) and len(continuation) for prompt, continuation in pairs):
        raise ValueError("Each prompt and each continuation needs at least one token.")
    texts = [torch.cat(pair) for pair in pairs]
    found = torch.zeros(len(texts))
    for rows, hidden in _hidden(model, [text[:-1] for text in texts], batch_size, bfloat16):
        for row, states in zip(rows, hidden, strict=True):
            prompt, continuation = pairs[row]
            at = states[len(prompt) - 1 : len(texts[row]) - 1]  # (n, d_model)
            scores = model.logits(at.float()).log_softmax(-1)
            found[row] = scores.gather(1, continuation[:, None]).sum()
    return found


@torch.no_grad()
def next_log_probs(
    model: GPT,
    prompts: Sequence[Tensor],
    answers: Sequence[int],
    *,
    batch_size: int = 40,
    bfloat16: bool = False,
) -> Tensor:
    """Log-probability of each of some tokens as the next one after each prompt, in nats.

    This is :func:`log_likelihoods` where all choices are single tokens, in one pass a prompt.

    Args:
        model: a language model.
        prompts: ``(time,)`` each, at least one token.
        answers: tokens.
        batch_size: texts computed together.
        bfloat16: compute products in half precision, which is faster and rounds.

    Returns:
        ``(len(prompts), len(answers))``, float32.

    Raises:
        ValueError: if a prompt is empty.
    """
    if not all(len(prompt) for prompt in prompts):
        raise ValueError("Each prompt needs at least one token.")
    found = torch.zeros(len(prompts), len(answers))
    for rows, hidden in _hidden(model, prompts, batch_size, bfloat16):
        last = torch.tensor([len(prompts[row]) - 1 for row in rows])
        states = hidden[torch.arange(len(rows)), last]  # (batch, d_model)
        found[rows] = model.logits(states.float()).log_softmax(-1)[:, list(answers)]
    return found


def _hidden(
    model: GPT, texts: Sequence[Tensor], batch_size: int, bfloat16: bool
) -> Iterator[tuple[list[int], Tensor]]:
    """Rows of texts of similar length, and their final hidden states, padded at the end, which nobody attends to."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        padded = pad_sequence([texts[row] for row in rows], batch_first=True)
        with evaluating(model), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            hidden = model.hidden(padded)
        yield rows, hidden
