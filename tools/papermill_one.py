"""Run one notebook with papermill in this process; print its seconds and peak memory as a line of JSON.

It runs in a process of its own, so that what the operating system measures for its children is that of one kernel.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

from tools import failures, notebooks, pictures


def main(source: Path, output: Path) -> None:
    """Execute ``source`` into ``output`` in the folder of ``source``."""
    began = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(source), str(output), kernel_name="python3", cwd=str(source.parent), progress_bar=False
        )
    except PapermillExecutionError as error:
        sys.exit(f"cell {error.cell_index}: {failures.named(error.ename, error.evalue)}")
    seconds = time.perf_counter() - began
    executed = notebooks.read(output)
    if pictures.pack(executed):
        notebooks.write(output, executed)
    # Kibibytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    print(json.dumps({"seconds": seconds, "peak_memory_gb": peak / 1e9}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
