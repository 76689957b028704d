"""A short training as a program of its own, for the tests that kill, starve or interrupt it.

    python training_program.py FOLDER [--config JSON of a TrainingConfig] [--sharded] …

It prints the number of each batch that it draws, and at the end a checksum of the weights. An error is one line.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from largemodels.data.batches import batches
from largemodels.models.gpt import GPT, Block, GPTConfig
from largemodels.text.evaluation import evaluate
from largemodels.training import checkpoints, parallel
from largemodels.training import loop as training
from largemodels.training.config import TrainingConfig

TOKENS = torch.tensor([0, 1, 2, 3, 4, 5, 6] * 40)


def model(d_model: int = 16, dropout: float = 0.1) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(7, context_length=8, n_layer=2, n_head=2, d_model=d_model, dropout=dropout))


def checksum(trained: torch.nn.Module) -> str:
    """Of all weights, bit by bit."""
    state = trained.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in sorted(state))).hexdigest()


def announced(start: int, *, delay: float, poison: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches whose numbers are printed; each takes a while. The poisoned one makes the loss infinite."""
    drawn = batches(TOKENS, batch_size=6, context_length=8, seed=0, start=start)
    for number, (inputs, targets) in enumerate(drawn, start):
        print(number, flush=True)
        time.sleep(delay)
        yield inputs, torch.full_like(targets, -100) if number == poison else targets


def die_while_saving(step: int, moment: str) -> None:
    """Replace a function of the checkpoints by one that ends the process in the midst, as ``kill -9`` does."""
    whole = getattr(checkpoints, moment)

    def half(*arguments: object) -> object:
        target = Path(str(arguments[1 if moment == "save_model" else 0]))
        if f"step-{step:08}" not in str(target):
            return whole(*arguments)
        if moment == "save_model":
            whole(*arguments)
            os.truncate(target, target.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(checkpoints, moment, half)


def sharded(objective: nn.Module, *optimizers: torch.optim.Optimizer) -> tuple[object, ...]:
    """What Accelerate's ``prepare`` does where FSDP is configured; with the CPU it refuses to."""
    old, mesh = list(objective.parameters()), init_device_mesh("cpu", (int(os.environ["WORLD_SIZE"]),))
    for module in objective.modules():
        if isinstance(module, Block):
            fully_shard(module, mesh=mesh)
    fully_shard(objective, mesh=mesh)
    new = dict(zip(map(id, old), objective.parameters(), strict=True))
    for group in itertools.chain.from_iterable(optimizer.param_groups for optimizer in optimizers):
        group["params"] = [new[id(parameter)] for parameter in group["params"]]
    return objective, *optimizers


class ShardedTeam(parallel.Team):
    """As if ``accelerate launch --use_fsdp`` had started it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.sharded, self._accelerator.prepare = True, sharded


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--config", type=json.loads, default={})
    parser.add_argument("--d-model", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--poison", type=int)
    parser.add_argument("--die", nargs=2, metavar=("STEP", "MOMENT"))
    parser.add_argument("--history", type=Path)
    parser.add_argument("--sharded", action="store_true")
    parser.add_argument("--nohup", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.nohup:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if asked.sharded:
        training.Team = ShardedTeam  # type: ignore[misc]
    if asked.die:
        die_while_saving(int(asked.die[0]), asked.die[1])
    config = TrainingConfig(**({"steps": 30, "save_every": 10, "evaluate_every": 10} | asked.config))
    gpt = model(asked.d_model, asked.dropout)
    source = functools.partial(announced, delay=asked.delay, poison=asked.poison)
    measure = lambda: {"validation_loss": evaluate(gpt, TOKENS, 8)}  # noqa: E731
    folder = asked.folder if asked.folder != "-" else None
    history = training.train(gpt, source, config, measure, checkpoint=folder)
    if asked.history and int(os.environ.get("RANK", "0")) == 0:
        asked.history.write_text(history.to_json())
    if not asked.sharded:
        print(checksum(gpt))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        print(error, file=sys.stderr)
        sys.exit(1)
