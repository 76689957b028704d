"""One update of the weights: draw a batch, fill the gradients, clip them, step the optimisers.

The gradients are those of a mean loss, or a given function fills them in some other way; see :func:`.loop.train`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..models.modes import start_training
from .batch import Batch, call, n_targets, tensors
from .config import TrainingConfig
from .optimizers import make_optimizers
from .parallel import Objective, Team


class Stepper:
    """Performs updates and counts the items processed.

    Args:
        model: put into training mode, except for its frozen parts.
        config: of the run.
        team: the processes of the run.
        loss, gradients, optimizers, count: as in :func:`.loop.train`.

    Raises:
        ValueError: if they are incompatible.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        team: Team,
        *,
        loss: Callable[..., Tensor] | None = None,
        gradients: Callable[..., Tensor] | None = None,
        optimizers: Callable[[nn.Module], list[Optimizer]] | None = None,
        count: Callable[..., int | Tensor] | None = None,
    ) -> None:
        if gradients is not None:
            _refuse_with_gradients(config, team, loss, count)
        start_training(model)
        self.model, self.config, self.team = model, config, team
        self.gradients, self.count = gradients, count
        made = make_optimizers(model, config) if optimizers is None else optimizers(model)
        for group in (group for optimizer in made for group in optimizer.param_groups):
            group.setdefault("initial_lr", group["lr"])
        self.items, self.kind = 0, "tokens"
        self.optimizers: list[Optimizer] = made
        self.objective: Objective | None = None
        if gradients is None:
            self.objective = Objective(model, loss, config.precision)
            self.prepared, self.optimizers = team.prepare(self.objective, made)
            self.forward = torch.compile(self.prepared) if config.compile else self.prepared
        model.zero_grad()  # gradients left over from before

    def step(self, source: Iterator[Batch], factor: float) -> Tensor:
        """Do one update.

        Args:
            source: of batches.
            factor: fraction of the peak learning rates.

        Returns:
            loss and gradient norm before clipping, ``(2,)``, without waiting for the device.
        """
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group["initial_lr"]
        drawn = [self._draw(source) for _ in range(self.config.accumulate)]
        loss = self._of_loss(drawn) if self.gradients is None else self._of_function(*drawn)
        largest = math.inf if self.config.clip_norm is None else self.config.clip_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), largest)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return torch.stack([loss, self.team.full_tensor(norm)])

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function that uses the model for something other than an update, such as an evaluation."""
        return function() if self.objective is None else self.objective.run(function)

    def _of_loss(self, drawn: list[Batch]) -> Tensor:
        """Fill the gradients of the mean loss over all items of the batches; returns the loss, ``()``."""
        mean = torch.zeros((), device=self.team.device)
        shards = [self.team.shard(batch) for batch in drawn]
        for left, shard, divisor in zip(
            reversed(range(len(drawn))), shards, self._divisors(drawn, shards), strict=True
        ):
            alone = left > 0 or self.team.size == 1  # no other process waits for this backward pass
            if divisor == math.inf and alone:
                continue
            with self.team.no_sync(self.prepared) if left else nullcontext():
                loss = self.forward(self.team.to_device(shard))
                # A mean over no items is 0 / 0, which must not corrupt the gradients of the other processes.
                loss = loss / divisor if divisor < math.inf else 0 * loss.nan_to_num()
                loss.backward()
            mean += loss.detach()
        return mean

    def _divisors(self, drawn: list[Batch], shards: list[Batch]) -> list[float]:
        """Divisors of the mean loss of each shard that give every item of the update the same weight.

        The divisor is 1 for one batch in one process, where nothing is counted, and infinite for a shard without items.
        It takes into account that gradients are averaged over processes afterwards, not summed.
        """
        if len(drawn) == self.team.size == 1:
            return [1]
        # All processes draw the same batches, so each knows how many items there are in all.
        total = sum(map(self._n_items, drawn))
        counts = [self.team.size * self._n_items(shard) for shard in shards]
        if not total:
            return [1] * len(drawn)  # the loss becomes NaN, as for a single batch without items
        return [total / count if count else math.inf for count in counts]

    def _n_items(self, batch: Batch) -> int:
        return n_targets(batch) if self.count is None else int(call(self.count, batch=batch))

    def _of_function(self, batch: Batch) -> Tensor:
        """Let the given function fill the gradients; returns the loss that it reports, ``()``."""
        assert self.gradients is not None
        loss = call(self.gradients, self.model, batch=self.team.to_device(batch))
        if all(parameter.grad is None for parameter in self.model.parameters()):
            raise ValueError(
                "gradients(…) produced no gradient: it must fill parameter.grad, as loss.backward() does."
            )
        loss = torch.as_tensor(loss, dtype=torch.float32, device=self.team.device)
        if loss.numel() != 1:
            raise ValueError(
                f"gradients(…) must return one number, not a tensor of shape {tuple(loss.shape)}."
            )
        return loss.detach().reshape(())

    def _draw(self, source: Iterator[Batch]) -> Batch:
        """The next batch. Integer inputs count as tokens, the rows of others as examples."""
        batch = next(source, None)
        if batch is None:
            raise ValueError(
                "The batches ran out before training was done: make them endless, or train for fewer steps."
            )
        if isinstance(batch, Tensor):
            batch = (batch,)
        first = tensors(batch)[0]
        if first.is_floating_point():
            self.items, self.kind = self.items + len(first), "examples"
        else:
            self.items += first.numel()
        return batch


def _refuse_with_gradients(
    config: TrainingConfig, team: Team, loss: object | None, count: object | None
) -> None:
    """Refuse settings that need a loss when a function fills the gradients.

    Raises:
        ValueError: naming the setting, and what to do instead.
    """
    if loss is not None or count is not None:
        raise ValueError(
            "Pass either loss and count, or gradients: a function that fills the gradients computes its own loss."
        )
    if config.accumulate > 1:
        raise ValueError("With gradients=…, accumulate must be 1: the function may split its batch itself.")
    if config.precision != "fp32" or config.compile:
        raise ValueError(
            "With gradients=…, precision must be fp32 and compile off: the function may use torch.autocast and "
            "torch.compile itself."
        )
    if team.size > 1:
        raise ValueError(
            f"gradients=… trains in one process, but {team.size} were started: averaging gradients that a function "
            "fills is not valid for every method (with added noise, for instance). Run it without torchrun."
        )
