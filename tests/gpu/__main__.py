"""All tests and measurements on one GPU, in at most eight minutes, with nothing to download but a few packages.

    PYTHONPATH=src python -m tests.gpu                             # rows go to data/gpu.json
    PYTHONPATH=src python -m tests.gpu --out /tmp/gpu.json --budget 240
    PYTHONPATH=src python -m tests.gpu --device cpu --dry-run      # tiny sizes: does the code run?

The run compares our models with those of transformers in fp32 and bf16, checks that a resumed training run is equal bit
for bit and that more processes than devices are refused, measures decoding against transformers' ``generate``, and
trains at the scale ``gpu`` with and without torch.compile. Exit status: 1 if a check failed, 2 if it could not start.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from pathlib import Path

NEEDED = [
    "numpy", "torch", "transformers", "tokenizers", "safetensors", "tqdm", "pandas", "filelock", "platformdirs",
    "lazy_loader", "accelerate",
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run the parts one after the other; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--budget", type=float, default=480, metavar="SECONDS", help="time for the whole run (default: 480)"
    )
    parser.add_argument("--device", default="cuda", help="cuda, or cpu for a dry run")
    parser.add_argument("--dry-run", action="store_true", help="use tiny sizes; store rows only with --out")
    parser.add_argument("--out", type=Path, help="JSON file for the rows (default: data/gpu.json)")
    asked = parser.parse_args(arguments)
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        return refuse(f"Missing packages: {', '.join(missing)}. Run: pip install {' '.join(missing)}")
    if importlib.util.find_spec("largemodels") is None:
        return refuse("The library is not on the path. Run: PYTHONPATH=src python -m tests.gpu")
    import torch

    if asked.device.startswith("cuda") and not torch.cuda.is_available():
        return refuse(
            "There is no GPU. To see that the code runs: python -m tests.gpu --device cpu --dry-run"
        )
    if asked.device == "cpu" and not asked.dry_run:
        return refuse("On a CPU only a dry run makes sense: add --dry-run.")
    return run(asked, torch.device(asked.device))


def run(asked: argparse.Namespace, device: object) -> int:
    """Run all parts; one that ends in an error gives a failed row, and the others still run."""
    from . import parity, processes, speed
    from .report import Report, name

    path = asked.out or (None if asked.dry_run else ROOT / "data" / "gpu.json")
    report = Report(device, asked.dry_run, asked.budget, path)
    print(f"{name(device)}, at most {asked.budget:.0f} s{', dry run' if asked.dry_run else ''}", flush=True)
    for part in (parity.parity, processes.resume, processes.refuse, speed.decoding, speed.training):
        try:
            part(report)
        except Exception as error:
            traceback.print_exc()
            report.add(part.__name__, f"{type(error).__name__}: {error}"[:120], "error", "", False)
    taken = asked.budget - report.left
    report.add("all", "the whole run", taken, "s", None if asked.dry_run else taken <= asked.budget)
    print(f"Stored in {path}." if path else "Nothing is stored.")
    return int(report.failed)


def refuse(line: str) -> int:
    """Print in one line why the run cannot start."""
    print(line, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
