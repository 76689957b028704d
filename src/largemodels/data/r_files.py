"""Reads the data of packages for R: numbers, texts and lists in R's own format of storage, without R.

The format is described in the manual "R Internals", section 1.8. What a data set is made of is here: vectors, lists and
their attributes. Functions, environments and compact vectors are not, and are refused by name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .checks import DataError

NIL, SYMBOL, PAIRS, TEXT, LOGICAL, INTEGERS, REALS, TEXTS, LIST, REFERENCE = (
    254,
    1,
    2,
    9,
    10,
    13,
    14,
    16,
    19,
    255,
)
ATTRIBUTES, TAG = 0x200, 0x400  # bits of the number that each item begins with


@dataclass
class Vector:
    """A vector of R, with its attributes: ``names``, ``levels``, ``dim``, ``class`` and others."""

    values: Any  # an array of numbers, or a list
    attributes: dict[str, Any] = field(default_factory=dict)

    def named(self) -> dict[str, Any]:
        """The values of a list by their names."""
        return dict(zip(self.attributes["names"].values, self.values, strict=True))


def read_rda(path: Path) -> dict[str, Any]:
    """The objects of a file ``.rda``, by name.

    Raises:
        DataError: if it is no such file, or holds more than data.
    """
    data = _unpacked(path.read_bytes())
    if data[:5] not in (b"RDX2\n", b"RDX3\n"):
        raise DataError(f"{path} is not a file of R's data.")
    found: dict[str, Any] = _Reader(data[5:]).all()
    return found


def read_lazy(folder: Path, name: str = "Rdata") -> dict[str, Any]:
    """The objects of a package that R loads when they are asked for: files ``.rdx`` (an index) and ``.rdb``.

    Raises:
        DataError: if the files are not such, or hold more than data.
    """
    index = _Reader(_unpacked((folder / f"{name}.rdx").read_bytes())).all().named()
    packed = (folder / f"{name}.rdb").read_bytes()
    objects = {}
    for key, place in index["variables"].named().items():
        start, length = (int(number) for number in place.values)
        some = packed[start : start + length]
        objects[key] = _Reader(zlib.decompress(some[4:])).all()  # the first four say how long it will be
    return objects


def _unpacked(data: bytes) -> bytes:
    for begin, unpack in (
        (b"\x1f\x8b", gzip.decompress),
        (b"BZh", bz2.decompress),
        (b"\xfd7z", lzma.decompress),
    ):
        if data.startswith(begin):
            return unpack(data)
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


class _Reader:
    """Reads one stored object from the beginning of its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        self.symbols: list[str] = []  # that later items refer to

    def take(self, size: int) -> bytes:
        some = self.data[self.place : self.place + size]
        if size < 0 or len(some) < size:
            raise DataError("Data of R ends too early.")
        self.place += size
        return some

    def integer(self) -> int:
        number: int = struct.unpack(">i", self.take(4))[0]
        return number

    def all(self) -> Any:
        if self.take(2) != b"X\n":
            raise DataError("Data of R that is not in its binary format.")
        version, _, _ = self.integer(), self.integer(), self.integer()
        if version == 3:
            self.take(self.integer())  # the name of an encoding
        return self.item()

    def item(self) -> Any:
        flags = self.integer()
        kind = flags & 0xFF
        if kind == NIL:
            return None
        if kind == REFERENCE:
            return self.symbols[(flags >> 8 or self.integer()) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == TEXT:
            size = self.integer()
            return None if size == -1 else self.take(size).decode("utf-8" if flags >> 12 & 8 else "latin-1")
        if kind == PAIRS:
            return self.pairs(flags)
        return self.vector(kind, flags)

    def pairs(self, flags: int) -> dict[str, Any]:
        """A chain of pairs, each a tag and a value."""
        found: dict[str, Any] = {}
        while flags & 0xFF == PAIRS:
            if flags & ATTRIBUTES:
                self.item()
            tag = self.item() if flags & TAG else str(len(found))
            found[tag] = self.item()
            flags = self.integer()
        return found

    def vector(self, kind: int, flags: int) -> Vector:
        if kind not in (LOGICAL, INTEGERS, REALS, TEXTS, LIST):
            raise DataError(f"Data of R of type {kind}, which this reader does not know.")
        size = self.integer()
        if kind in (TEXTS, LIST):
            values: Any = [self.item() for _ in range(size)]
        else:
            width, form = (8, ">f8") if kind == REALS else (4, ">i4")
            values = np.frombuffer(self.take(size * width), form).astype(form[1:])
        return Vector(values, self.item() if flags & ATTRIBUTES else {})
