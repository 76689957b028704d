"""Several processes that train one model together.

A script that trains with this library runs unchanged on many devices, also of several machines::

    torchrun --nproc-per-node=8 train.py

Each process holds the whole model, draws the same batch, computes on its own share of it, and the gradients are
averaged before the update. So the learning curve is that of one process, whatever their number: it is the batch that
sets it, and the batch must be large enough to be shared.

A model that does not fit into one device is spread over all by configuration of Accelerate, and the script stays as it
is, with AdamW and without a checkpoint folder (fully sharded data parallel). Accelerate's launcher wants GPUs for that;
the tests spread a model over two processes of the CPU in the same way::

    accelerate launch --num_processes 8 --use_fsdp --fsdp_version 2 \
        --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP --fsdp_transformer_layer_cls_to_wrap Block train.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, ...] | dict[str, Tensor]  # (batch, …) each


class Objective(nn.Module):
    """Model and loss as one module, from a batch to a scalar: compiled or spread over processes as a whole.

    Args:
        model: any module.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for dicts; None: ``model.loss(…)``.
        precision: "fp32" or "bf16", for matrix products bfloat16 by autocast.
    """

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor] | None, precision: str) -> None:
        super().__init__()
        if loss is None and not hasattr(model, "loss"):
            raise ValueError(f"{type(model).__name__} has no loss(…) of its own: train(…, loss=…) names one.")
        self.model = model
        self.loss = loss or (lambda model, *parts, **named: model.loss(*parts, **named))
        self.precision = precision

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        parts, named = ((), batch) if isinstance(batch, dict) else (batch, {})
        place = next(iter((*parts, *named.values()))).device.type
        with torch.autocast(place, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.loss(self.model, *parts, **named)

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function that uses the model in another way than for a loss, such as an evaluation."""
        return function()


class Team:
    """This process and those that ``torchrun`` started beside it, if it did.

    Args:
        place: device of the model.
    """

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.main = self.rank == 0  # the one that writes
        self.sharded = False  # whether each process holds a part of the weights only
        if self.size > 1:
            from accelerate import Accelerator, DistributedType

            self._accelerator = Accelerator(cpu=place.type == "cpu")
            self.sharded = self._accelerator.distributed_type == DistributedType.FSDP

    def join(
        self, objective: nn.Module, optimizers: list[torch.optim.Optimizer]
    ) -> tuple[nn.Module, list[torch.optim.Optimizer]]:
        """Connect the copies of a module, so that gradients are averaged; all begin with the weights of the first.

        Each process goes on with random numbers of its own, so that dropout differs between them.

        Raises:
            ValueError: if an optimiser cannot work with what each process holds.
        """
        if self.size == 1:
            return objective, optimizers
        if self.sharded and any(getattr(one, "needs_whole_matrices", False) for one in optimizers):
            raise ValueError(
                'Muon needs whole matrices, which no process has here: train with optimizer="adamw".'
            )
        torch.manual_seed(torch.initial_seed() + self.rank)
        whole = objective
        objective, *optimizers = self._accelerator.prepare(objective, *optimizers)
        if self.sharded:  # before an evaluation, too, the weights have to be gathered
            from torch.distributed.fsdp import register_fsdp_forward_method

            register_fsdp_forward_method(whole, "run")
        return objective, optimizers

    @staticmethod
    def whole(tensor: Tensor) -> Tensor:
        """A tensor, also one of which each process has computed a part."""
        full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        return full

    def share(self, batch: Batch) -> Batch:
        """This process's part of a batch, on its device: every ``size``-th row of each tensor.

        Args:
            batch: drawn alike by all processes.

        Raises:
            ValueError: if the rows cannot be shared evenly.
        """
        if isinstance(batch, dict):
            return {name: self._part(part) for name, part in batch.items()}
        return tuple(self._part(part) for part in batch)

    def _part(self, part: Tensor) -> Tensor:
        if len(part) % self.size:
            raise ValueError(
                f"A batch of {len(part)} cannot be shared by {self.size} processes: use a multiple of {self.size}."
            )
        if self.size > 1:
            part = part[self.rank :: self.size]
        return part.to(self.place, non_blocking=True)

    def alone(self, objective: nn.Module) -> AbstractContextManager[Any]:
        """Within it gradients add up in each process and are not averaged yet."""
        return nullcontext() if self.size == 1 else self._accelerator.no_sync(objective)

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """The greatest of each number over all processes, so that all decide alike."""
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.place)
        torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX)
        return tuple(tensor.tolist())

    def mean(self, number: float) -> float:
        """The mean of a number over all processes."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number, dtype=torch.float64, device=self.place)
        torch.distributed.all_reduce(tensor)
        return tensor.item() / self.size

    def collect(self, item: Any) -> list[Any]:
        """What each process holds, in the order of their ranks."""
        if self.size == 1:
            return [item]
        from accelerate.utils import gather_object

        return list(gather_object([item]))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            torch.distributed.barrier()
