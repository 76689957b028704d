"""Run one notebook with papermill in this process; print its seconds and peak memory as a line of JSON.

It runs in a process of its own, so that what the operating system measures for its children is that of one kernel.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import papermill
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from tools import failures, notebooks, pictures, processes

OUTPUT = 20e6  # bytes that a notebook may print and draw; a chapter's file has less than 1 MB


class _Client(PapermillNotebookClient):
    """Ends a run whose cells print without end, before it fills memory and disk."""

    printed = 0

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        content = msg["content"]
        self.printed += len(content.get("text", "")) + sum(
            len(str(it)) for it in content.get("data", {}).values()
        )
        if self.printed > OUTPUT:
            print(
                f"cell {cell_index}: the outputs have more than {OUTPUT / 1e6:.0f} MB; print less",
                file=sys.stderr,
            )
            sys.stderr.flush()
            os._exit(1)  # the kernel may never answer; what it started ends with this process
        return super().process_message(msg, cell, cell_index)


class _Engine(Engine):
    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **_: Any) -> NotebookNode:
        # As it ends, a kernel notes what it used; on a busy machine that may take longer than the usual 5 s.
        patient = Config({"KernelManager": {"shutdown_wait_time": 60.0}})
        client = _Client(nb_man, kernel_name=kernel_name, startup_timeout=60, timeout=None, config=patient)
        return client.execute()


papermill_engines.register("bounded", _Engine)


def main(source: Path, output: Path) -> None:
    """Execute ``source`` into ``output`` in the folder of ``source``."""
    began = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(source),
            str(output),
            engine_name="bounded",
            kernel_name="python3",
            cwd=str(source.parent),
            progress_bar=False,
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
    processes.end_with_parent()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
