"""The journal of a run: what a chapter used and claimed, as JSON lines in a file chosen by the book's tools."""

from __future__ import annotations

import json
import os
from typing import Any

FILE = "LARGEMODELS_JOURNAL"  # environment variable; unset when a reader runs a notebook


def note(**entry: Any) -> None:
    """Append one line to the journal, if there is one."""
    if path := os.environ.get(FILE):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(entry) + "\n")
