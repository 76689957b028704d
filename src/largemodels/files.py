"""Atomic writing of files, and their checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(path: Path | str) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to: moved to ``path`` when the block ends, deleted if it fails.

    Several processes may write the same file: the last one wins. Missing folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f"{path.name}.{os.getpid()}.aside")
    try:
        yield place
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
