"""Data-parallel training of one model by several processes.

A script that trains with this library runs unchanged on many devices, even on several machines::

    torchrun --nproc-per-node=8 train.py

Each process holds the whole model, draws the same batch and computes on its own shard of it; the gradients are averaged
before the update, weighted by the number of items in each shard. The learning curve therefore does not depend on the
number of processes, which must divide the number of rows of the batch.

A model that does not fit into one device can be sharded over all of them (fully sharded data parallel, FSDP) by
Accelerate's configuration, without changes to the script, which must use AdamW and no checkpoint folder. Accelerate's
launcher requires GPUs for that; the tests shard a model over two CPU processes in the same way::

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

from .batch import Batch, apply, call, tensors


def local_rank(device_type: str) -> int | None:
    """Rank of this process on its machine, which is also its device's index; None if not started by ``torchrun``.

    Raises:
        ValueError: in all processes, if there are more processes than devices: sharing a device gains nothing, and
            NCCL refuses it.
    """
    if "LOCAL_RANK" not in os.environ:
        return None
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device_type != "cpu" and here > (count := torch.accelerator.device_count()):
        there = f"is only {count} device" if count == 1 else f"are only {count} devices"
        raise ValueError(
            f"{here} processes were started, but there {there} of type {device_type}: start one process per device, "
            f"torchrun --nproc-per-node={count}."
        )
    return int(os.environ["LOCAL_RANK"])


class Objective(nn.Module):
    """Model and loss as one module from a batch to a scalar, which can be compiled or distributed as a whole.

    Args:
        model: any module.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for dicts; None: ``model.loss(…)``.
        precision: "fp32", or "bf16" for matrix products in bfloat16 by autocast.
    """

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor] | None, precision: str) -> None:
        super().__init__()
        if loss is None and not hasattr(model, "loss"):
            raise ValueError(f"{type(model).__name__} has no method loss(…): pass one, train(…, loss=…).")
        self.model = model
        self.loss = loss or (lambda model, *parts, **named: model.loss(*parts, **named))
        self.precision = precision

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        device = tensors(batch)[0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16"):
            return call(self.loss, self.model, batch=batch)

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function that uses the model for something other than the loss, such as an evaluation."""
        return function()


class Team:
    """This process and the others that ``torchrun`` started, if any.

    Args:
        device: of the model.

    Raises:
        ValueError: if several processes would share a device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.main = self.rank == 0  # the one that writes files
        self.sharded = False  # whether each process holds only a part of the weights
        if self.size > 1:
            local_rank(device.type)
            from accelerate import Accelerator, DistributedType

            self._accelerator = Accelerator(cpu=device.type == "cpu")
            self.sharded = self._accelerator.distributed_type == DistributedType.FSDP

    def prepare(
        self, objective: nn.Module, optimizers: list[torch.optim.Optimizer]
    ) -> tuple[nn.Module, list[torch.optim.Optimizer]]:
        """Connect the replicas of a module, so that gradients are averaged; all start from the first one's weights.

        From here on each process draws its own random numbers, so that dropout differs between them.

        Raises:
            ValueError: if an optimiser cannot work on sharded weights.
        """
        if self.size == 1:
            return objective, optimizers
        if self.sharded and any(getattr(one, "needs_whole_matrices", False) for one in optimizers):
            raise ValueError(
                'Muon needs whole matrices, but the weights are sharded: train with optimizer="adamw".'
            )
        torch.manual_seed(torch.initial_seed() + self.rank)
        unprepared = objective
        objective, *optimizers = self._accelerator.prepare(objective, *optimizers)
        if self.sharded:  # the weights have to be gathered for evaluation, too
            from torch.distributed.fsdp import register_fsdp_forward_method

            register_fsdp_forward_method(unprepared, "run")
        return objective, optimizers

    @staticmethod
    def full_tensor(tensor: Tensor) -> Tensor:
        """The full tensor, gathered if it is sharded over processes."""
        full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
        return full

    def shard(self, batch: Batch) -> Batch:
        """This process's shard of a batch: every ``size``-th row of each tensor.

        Args:
            batch: the same in all processes.

        Raises:
            ValueError: if the rows cannot be divided evenly.
        """
        if self.size == 1:
            return batch
        for tensor in tensors(batch):
            if len(tensor) % self.size:
                raise ValueError(
                    f"A batch of {len(tensor)} cannot be divided among {self.size} processes: use a multiple of "
                    f"{self.size}."
                )
        return apply(batch, lambda tensor: tensor[self.rank :: self.size])

    def to_device(self, batch: Batch) -> Batch:
        """Copy the batch to the device of this process, asynchronously."""
        return apply(batch, lambda tensor: tensor.to(self.device, non_blocking=True))

    def no_sync(self, objective: nn.Module) -> AbstractContextManager[Any]:
        """A context in which gradients accumulate in each process without being averaged yet."""
        return nullcontext() if self.size == 1 else self._accelerator.no_sync(objective)

    def all_max(self, *numbers: float) -> tuple[float, ...]:
        """The maximum of each number over all processes, so that all take the same decisions."""
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX)
        return tuple(tensor.tolist())

    def all_mean(self, number: float) -> float:
        """The mean of a number over all processes."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(tensor)
        return tensor.item() / self.size

    def gather(self, item: Any) -> list[Any]:
        """The item of each process, in the order of their ranks."""
        if self.size == 1:
            return [item]
        from accelerate.utils import gather_object

        return list(gather_object([item]))

    def barrier(self) -> None:
        """Wait until all processes have reached this point."""
        if self.size > 1:
            torch.distributed.barrier()
