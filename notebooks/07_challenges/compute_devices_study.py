"""Several processes train one model: what they send and keep, and whether their weights agree.

    make study NAME=07_challenges/compute_devices

Half a minute. Up to four processes on this machine, connected by gloo, train a GPT of two blocks
in double precision for three steps of AdamW on random tokens, 12 texts a step. Each computes the
gradient of its share of the texts. A ring adds them up: each process sends one part of its vector
to the next, n - 1 times, until it has the whole sum of one part (reduce-scatter), and n - 1 times
again, until all have all parts (all-gather).

- `data`: gradients go all the way round, and each process updates all weights;
- `sharded`: after the first half each process updates the weights of its own part, and only its
  own part has the two running means of AdamW; the second half sends weights in place of gradients
  (ZeRO, stage 2).
"""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study

TEXTS, LENGTH, STEPS = 12, 16, 3
SIZES = {
    "vocab_size": 50,
    "context_length": LENGTH,
    "n_layer": 2,
    "n_head": 2,
    "d_model": 24,
}


class Ring:
    """Parts of a vector that go round; counts the bytes that this process sends."""

    def __init__(self, rank: int, n: int) -> None:
        self.rank, self.n, self.sent = rank, n, 0

    def pass_on(self, part: Tensor) -> Tensor:
        """Send a part to the next process and return the one that comes from the last."""
        arrived = torch.empty_like(part)
        sending = dist.isend(part.contiguous(), (self.rank + 1) % self.n)
        dist.recv(arrived, (self.rank - 1) % self.n)
        sending.wait()
        self.sent += part.numel() * part.element_size()
        return arrived

    def reduce_scatter(self, parts: Tensor) -> int:
        """Sum the rows of ``(n, size)`` over processes; returns the row that is complete here."""
        for turn in range(self.n - 1):
            into = (self.rank - turn - 1) % self.n
            parts[into] += self.pass_on(parts[(self.rank - turn) % self.n])
        return (self.rank + 1) % self.n

    def all_gather(self, parts: Tensor) -> None:
        """Give everyone the row that is complete at each process."""
        for turn in range(self.n - 1):
            into = (self.rank - turn) % self.n
            parts[into] = self.pass_on(parts[(self.rank - turn + 1) % self.n])


def train(rank: int, n: int, sharded: bool, folder: str) -> None:
    """One process: trains, and stores its weights and what it sent and kept."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=n
    )
    torch.manual_seed(0)
    model = lm.GPT(lm.GPTConfig(**SIZES)).double()
    parameters = list(model.parameters())
    size = -(-sum(it.numel() for it in parameters) // n)  # of a part, rounded up
    flat = torch.zeros(n * size, dtype=torch.float64)
    flat[: sum(it.numel() for it in parameters)] = torch.cat(
        [it.detach().flatten() for it in parameters]
    )
    weights, ring = flat.view(n, size), Ring(rank, n)
    own = weights[(rank + 1) % n] if sharded else flat
    own.requires_grad_(False)
    optimizer = torch.optim.AdamW([own], lr=1e-2)
    for step in range(STEPS):
        tokens = torch.randint(
            50, (TEXTS, LENGTH + 1), generator=torch.Generator().manual_seed(step)
        )
        tokens = tokens[rank * TEXTS // n : (rank + 1) * TEXTS // n]
        torch.nn.utils.vector_to_parameters(
            flat[: sum(it.numel() for it in parameters)], parameters
        )
        model.zero_grad()
        (model.loss(tokens[:, :-1], tokens[:, 1:]) / n).backward()
        gradient = torch.zeros(n * size, dtype=torch.float64)
        found = torch.cat([it.grad.flatten() for it in parameters if it.grad is not None])
        gradient[: len(found)] = found
        parts = gradient.view(n, size)
        mine = ring.reduce_scatter(parts)
        if not sharded:
            ring.all_gather(parts)
        own.grad = parts[mine] if sharded else gradient
        optimizer.step()
        if sharded:
            ring.all_gather(weights)
    state = optimizer.state[own]
    kept = sum(it.numel() * it.element_size() for it in state.values() if it.numel() > 1)
    result = {
        "weights": flat[: len(found)],
        "sent": ring.sent,
        "kept": kept,
        "bytes": 8 * len(found),
    }
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def trained(n: int, sharded: bool) -> list[dict[str, Any]]:
    """What each of n processes ended with."""
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("fork")
        team = [
            context.Process(target=train, args=(rank, n, sharded, folder))
            for rank in range(n)
        ]
        for it in team:
            it.start()
        for it in team:
            it.join(120)
        return [
            torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(n)
        ]


def processes(n: int, way: str) -> dict[str, Any]:
    """A run of n processes against one process alone."""
    (alone,), team = trained(1, False), trained(n, way == "sharded")
    return {
        "bytes": alone["bytes"],
        "sent_each_step": max(it["sent"] for it in team) / STEPS,
        "kept_by_adam": max(it["kept"] for it in team),
        "kept_alone": alone["kept"],
        "same_everywhere": all(
            torch.equal(it["weights"], team[0]["weights"]) for it in team
        ),
        "difference": float((team[0]["weights"] - alone["weights"]).abs().max()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compute_devices")
    for way in ("data", "sharded"):
        for n in (2, 3, 4):
            study.row(processes, n=n, way=way)
    study.save()
