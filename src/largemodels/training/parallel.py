"""Several processes that train one model together (data parallel).

A script that trains with this library runs unchanged on many devices, also of several machines::

    torchrun --nproc-per-node=8 train.py

Each process holds the whole model, draws the same batch, computes on its own shard of it, and the gradients are
averaged before the update, weighted by the number of items in each shard. So the learning curve is that of one process,
whatever their number: the batch determines it, and must have a multiple of as many rows as there are processes.

A model that does not fit into one device is sharded over all of them by Accelerate's configuration (fully sharded data
parallel); the script stays as it is, with AdamW and without a checkpoint folder. Accelerate's launcher requires GPUs
for that; the tests shard a model over two CPU processes in the same way::

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
    """Number of this process on its machine, which is that of its device; None if ``torchrun`` did not start it.

    Raises:
        ValueError: in all processes, if there are more of them than devices: two on one device would compute the same
            thing at half the speed, and NCCL refuses them.
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
    """Model and loss as one module, from a batch to a scalar: compiled or distributed as a whole.

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
        device = tensors(batch)[0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16"):
            return call(self.loss, self.model, batch=batch)

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function that uses the model in another way than for a loss, such as an evaluation."""
        return function()


class Team:
    """This process and those that ``torchrun`` started beside it, if it did.

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
        """Connect the copies of a module, so that gradients are averaged; all begin with the weights of the first.

        From here on each process draws its own random numbers, so that dropout differs between them.

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
        unprepared = objective
        objective, *optimizers = self._accelerator.prepare(objective, *optimizers)
        if self.sharded:  # the weights have to be gathered before an evaluation, too
            from torch.distributed.fsdp import register_fsdp_forward_method

            register_fsdp_forward_method(unprepared, "run")
        return objective, optimizers

    @staticmethod
    def full_tensor(tensor: Tensor) -> Tensor:
        """A tensor, also one of which each process has computed a part."""
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
        """The batch on the device of this process, without waiting for it."""
        return apply(batch, lambda tensor: tensor.to(self.device, non_blocking=True))

    def no_sync(self, objective: nn.Module) -> AbstractContextManager[Any]:
        """Within it gradients accumulate in each process and are not averaged yet."""
        return nullcontext() if self.size == 1 else self._accelerator.no_sync(objective)

    def all_max(self, *numbers: float) -> tuple[float, ...]:
        """The maximum of each number over all processes, so that all decide alike."""
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
        """Wait until all processes are here."""
        if self.size > 1:
            torch.distributed.barrier()
