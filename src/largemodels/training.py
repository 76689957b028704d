"""The training loop.

AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101), a linear warm-up and a cosine decay of the
learning rate, and clipping of the gradient's norm: the recipe of GPT-3 (Brown et al., 2020, appendix B,
https://arxiv.org/abs/2005.14165).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast to train."""

    steps: int  # updates of the weights
    learning_rate: float = 1e-3  # the highest, reached at the end of the warm-up
    warmup_steps: int = 0  # the learning rate rises linearly over these
    final_fraction: float = 0.1  # of the learning rate, at the last step
    weight_decay: float = 0.1  # on matrices; biases, norms and other vectors are not decayed
    betas: tuple[float, float] = (0.9, 0.95)  # decay of AdamW's running means
    clip_norm: float = 1.0  # the gradient is scaled down to this norm
    evaluate_every: int = 100  # steps between two evaluations

    def __post_init__(self) -> None:
        if self.steps < 1 or self.evaluate_every < 1:
            raise ValueError("steps and evaluate_every must be at least 1.")
        if not 0 <= self.warmup_steps <= self.steps:
            raise ValueError(f"warmup_steps must lie between 0 and steps, not {self.warmup_steps}.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate}.")


def device() -> torch.device:
    """The accelerator that there is, otherwise the CPU."""
    if torch.accelerator.is_available() and (found := torch.accelerator.current_accelerator()):
        return found
    return torch.device("cpu")


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Learning rate of a step, the first being 0: a linear warm-up, then half a cosine down to its final fraction."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)  # from 0 to 1
    cosine = (1 + math.cos(math.pi * progress)) / 2  # from 1 to 0
    return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * cosine)


def adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def train(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    config: TrainingConfig,
    evaluate: Callable[[], dict[str, Any]] | None = None,
) -> pd.DataFrame:
    """Train a model in place.

    Args:
        model: has ``loss(inputs, targets)``, a scalar.
        batches: inputs and targets of each step; they are moved to the device of the model.
        config: how long and how fast.
        evaluate: called before the first step, every ``evaluate_every`` steps and after the last one, in evaluation
            mode and without gradients; what it returns goes into the history.

    Returns:
        the history, one row an evaluation: ``step`` (updates done), ``seconds`` (of training, without
        evaluations), ``training_loss`` (mean since the row before) and what ``evaluate`` returned.

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    place = next(model.parameters()).device
    optimizer = adamw(model, config)
    rows: list[dict[str, Any]] = []
    losses: list[Tensor] = []
    seconds = 0.0
    bar = tqdm(total=config.steps, desc="training", unit="step")
    for step in range(config.steps + 1):
        if step % config.evaluate_every == 0 or step == config.steps:
            mean = torch.stack(losses).mean().item() if losses else math.nan
            if losses and not math.isfinite(mean):
                raise FloatingPointError(
                    f"The loss is {mean} after {step} steps: lower the learning rate ({config.learning_rate:g})."
                )
            losses.clear()
            rows.append(
                {"step": step, "seconds": seconds, "training_loss": mean} | _evaluated(model, evaluate)
            )
            bar.set_postfix(loss=f"{mean:.3f}")
        if step == config.steps:
            break
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        inputs, targets = (part.to(place, non_blocking=True) for part in next(batches))
        loss = model.loss(inputs, targets)  # type: ignore[operator]
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        seconds += time.perf_counter() - began
        bar.update()
    bar.close()
    return pd.DataFrame(rows)


def _evaluated(model: nn.Module, evaluate: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """What ``evaluate`` returns, in evaluation mode and without gradients; the model's mode is restored."""
    if evaluate is None:
        return {}
    mode = model.training
    model.eval()
    with torch.no_grad():
        results = evaluate()
    model.train(mode)
    return results


@torch.no_grad()
def evaluate(
    model: nn.Module, tokens: Tensor, context_length: int, *, overlap: int = 0, batch_size: int = 64
) -> float:
    """Mean loss over a whole text, in nats a token.

    The text is cut into windows. A token is predicted from those before it in its window, so without overlap the
    first tokens of a window see next to nothing. With overlap each token but the first ones of the text sees at
    least ``overlap`` others, which costs time and says more about the model than about the cuts.

    Args:
        model: has ``loss(inputs, targets)``, a mean over the targets that are not -100.
        tokens: ``(time,)``, at least ``context_length + 1``; an incomplete last window is left out.
        context_length: tokens a window.
        overlap: tokens that a window shares with the one before; they are read, not scored again.
        batch_size: windows at once.
    """
    if not 0 <= overlap < context_length:
        raise ValueError(f"overlap must lie between 0 and context_length - 1, not {overlap}.")
    if len(tokens) <= context_length:
        raise ValueError(f"{len(tokens)} tokens are too few for one window of {context_length} and a target.")
    place = next(model.parameters()).device
    windows = tokens.unfold(0, context_length + 1, context_length - overlap)  # (n, context_length + 1)
    inputs, targets = windows[:, :-1], windows[:, 1:].clone()
    targets[1:, :overlap] = -100
    mode = model.training
    model.eval()
    total, count = 0.0, 0
    for some_inputs, some_targets in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
        scored = int((some_targets != -100).sum())
        total += model.loss(some_inputs.to(place), some_targets.to(place)).item() * scored  # type: ignore[operator]
        count += scored
    model.train(mode)
    return total / count
