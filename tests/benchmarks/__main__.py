"""``make bench``: our speed beside that of named rivals and of the machine, in one run.

Everything: ``python -m tests.benchmarks``. A part: ``python -m tests.benchmarks decoding``. Another text for
``learning`` and ``gpt``: ``--text FILE``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from . import kernels, learning, speed
from .measure import conditions

PARTS = {
    "machine": speed.machine,
    "training": speed.training,
    "kernels": kernels.kernels,
    "decoding": speed.decoding,
    "context": speed.context,
    "memory": speed.memory,
    "learning": learning.learning,
    "gpt": learning.gpt_alone,
}
OF_A_TEXT = ("learning", "gpt")


def main(parts: Annotated[list[str] | None, typer.Argument()] = None, text: Path | None = None) -> None:
    """Measure and print."""
    if unknown := set(parts or []) - set(PARTS):
        raise typer.BadParameter(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    torch.manual_seed(0)
    print(conditions())
    for name in parts or PARTS:
        began = time.perf_counter()
        PARTS[name](text) if name in OF_A_TEXT else PARTS[name]()
        print(f"  [{name}: {time.perf_counter() - began:.0f} s]", flush=True)


if __name__ == "__main__":
    typer.run(main)
