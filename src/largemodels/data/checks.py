"""Checking files against their SHA-256, and the error about those that fail."""

from __future__ import annotations

from pathlib import Path

from ..files import sha256


class DataError(RuntimeError):
    """A data set is missing, unknown or damaged; the message says which, and what to do."""


def check(path: Path, checksum: str, origin: str, again: str) -> None:
    """Compare a file with its SHA-256.

    Args:
        path: of the file.
        checksum: hexadecimal.
        origin: where the file comes from, for the message.
        again: how to get it again, for the message.

    Raises:
        DataError: if it is missing or differs.
    """
    if not path.exists():
        raise DataError(f"{path.name} is missing from {origin}. {again}")
    if (found := sha256(path)) != checksum:
        raise DataError(
            f"{path.name} of {origin} is damaged: SHA-256 {found[:12]}…, expected {checksum[:12]}…. {again}"
        )
