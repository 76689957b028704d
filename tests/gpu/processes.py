"""Tests in processes of their own: resuming bit for bit, and more processes than there are devices.

python -m tests.gpu.processes resume DEVICE
torchrun --nproc-per-node=2 -m tests.gpu.processes join
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .report import Report


def resume(report: Report) -> None:
    """A resumed run ends with the weights of an uninterrupted one, with torch's deterministic algorithms."""
    environment = os.environ | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # which they require
    command = [sys.executable, "-m", "tests.gpu.processes", "resume", str(report.device)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    sums = done.stdout.split()
    if done.returncode or len(sums) != 6:
        report.add(
            "resume", (done.stderr.strip().splitlines() or ["no output"])[-1][:120], "error", "", False
        )
        return
    for optimizer, undisturbed, resumed in (sums[:3], sums[3:]):
        report.add(
            "resume",
            f"{optimizer}, bf16, dropout: weights of a resumed run",
            resumed[:12],
            "",
            undisturbed == resumed,
        )


def refuse(report: Report) -> None:
    """Of more processes than devices, each stops with a clear message."""
    if report.device.type == "cpu":
        report.add("processes", "more processes than devices", "needs a GPU")
        return
    import torch

    n = torch.accelerator.device_count() + 1
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
    done = subprocess.run(
        [*launcher, "-m", "tests.gpu.processes", "join"], capture_output=True, text=True, timeout=240
    )
    said = [line for line in done.stderr.splitlines() if f"{n} processes were started, but there" in line]
    report.add(
        "processes",
        f"{n} processes refused in words",
        f"{len(said)} said so",
        "",
        bool(done.returncode and said),
    )


def _run(optimizer: str, device: str, folder: str | None, stop: int | None = None) -> nn.Module:
    """Train a small GPT with dropout for 20 steps."""
    import torch

    import largemodels as lm

    torch.manual_seed(0)
    model = lm.GPT(lm.GPTConfig(31, 32, n_layer=2, n_head=2, d_model=64, dropout=0.2)).to(device)
    config = lm.TrainingConfig(
        steps=20, save_every=5, evaluate_every=10, optimizer=optimizer, precision="bf16", accumulate=2
    )
    tokens = torch.randint(31, (5_000,), generator=torch.Generator().manual_seed(0))

    def batches(start: int) -> Iterator[tuple[Tensor, Tensor]]:
        for number, batch in enumerate(lm.batches(tokens, 8, 32, seed=0, start=start), start):
            if number == stop:
                raise InterruptedError
            yield batch

    lm.train(model, batches if folder else batches(0), config, checkpoint=folder)
    return model


def _checksum(model: nn.Module) -> str:
    state = model.state_dict()
    return hashlib.sha256(b"".join(state[name].cpu().numpy().tobytes() for name in sorted(state))).hexdigest()


def _resume(device: str) -> None:
    """For each optimiser print its name and the checksums of an uninterrupted and of a resumed run."""
    import torch

    torch.use_deterministic_algorithms(True)
    for optimizer in ("adamw", "muon"):
        run = functools.partial(_run, optimizer, device)
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(folder, stop=25)
            except InterruptedError:
                torch.rand(3, device=device)  # whatever is drawn in between
            print(optimizer, _checksum(run(None)), _checksum(run(folder)))


def _join() -> None:
    """What a reader's script does: choose the device, move a model to it, train."""
    import largemodels as lm

    _run("adamw", str(lm.device()), None)


if __name__ == "__main__":
    try:
        _resume(sys.argv[2]) if sys.argv[1] == "resume" else _join()
    except Exception as error:
        print(error, file=sys.stderr)
        sys.exit(1)
