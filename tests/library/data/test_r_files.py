"""The reader of R's format on bytes written out by hand, and on what it refuses."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from largemodels.data.checks import DataError
from largemodels.data.r_files import read_lazy, read_rda

NIL = struct.pack(">i", 254)


def whole(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


def text(value: str | None, *, flags: int = 9 | 8 << 12) -> bytes:
    if value is None:
        return whole(9, -1)
    coded = value.encode("utf-8" if flags >> 12 & 8 else "latin-1")
    return whole(flags, len(coded)) + coded


def symbol(name: str) -> bytes:
    return whole(1) + text(name)


def texts(*values: str | None) -> bytes:
    return whole(16, len(values)) + b"".join(map(text, values))


def pair(name: bytes, value: bytes) -> bytes:
    return whole(2 | 0x400) + name + value


def head(version: int = 2) -> bytes:
    start = b"X\n" + whole(version, 262144, 131840)
    return start + (whole(5) + b"UTF-8" if version == 3 else b"")


def rda(
    tmp_path: Path, body: bytes, version: int = 2, pack: Callable[[bytes], bytes] = gzip.compress
) -> Path:
    path = tmp_path / "some.rda"
    path.write_bytes(pack(f"RDX{version}\n".encode() + head(version) + body))
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_numbers_texts_and_attributes(tmp_path: Path, version: int, pack: Callable[[bytes], bytes]) -> None:
    factor = whole(13 | 0x200, 3, 2, 1, 2) + pair(symbol("levels"), texts("a", "b")) + NIL
    reals = whole(14, 2) + struct.pack(">2d", 0.5, -1e300)
    body = pair(symbol("kind"), factor) + pair(symbol("size"), reals) + NIL
    found = read_rda(rda(tmp_path, body, version, pack))
    assert list(found) == ["kind", "size"]
    assert found["kind"].values.tolist() == [2, 1, 2]
    assert found["kind"].attributes["levels"].values == ["a", "b"]
    np.testing.assert_array_equal(found["size"].values, [0.5, -1e300])


def test_a_symbol_that_was_named_before_and_texts_of_all_kinds(tmp_path: Path) -> None:
    latin = text("é", flags=9 | 4 << 12)
    one = (
        whole(16 | 0x200, 3)
        + text("ü")
        + latin
        + text(None)
        + pair(symbol("names"), texts("", "x", "y"))
        + NIL
    )
    other = whole(19 | 0x200, 1) + whole(10, 1, 1) + pair(whole(2 << 8 | 255), texts("only")) + NIL
    found = read_rda(rda(tmp_path, pair(symbol("one"), one) + pair(symbol("other"), other) + NIL))
    assert found["one"].values == ["ü", "é", None]
    assert found["other"].named()["only"].values.tolist() == [1]


def test_objects_that_wait_to_be_asked_for(tmp_path: Path) -> None:
    def packed(value: bytes) -> bytes:
        data = head() + value
        return struct.pack(">i", len(data)) + zlib.compress(data)

    first, second = packed(texts("Emma")), packed(whole(13, 1, 7))
    places = whole(13, 2, 0, len(first)), whole(13, 2, len(first), len(second))
    variables = whole(19 | 0x200, 2) + b"".join(places) + pair(symbol("names"), texts("emma", "seven")) + NIL
    index = whole(19 | 0x200, 1) + variables + pair(whole(1 << 8 | 255), texts("variables")) + NIL
    (tmp_path / "Rdata.rdb").write_bytes(first + second)
    (tmp_path / "Rdata.rdx").write_bytes(zlib.compress(head() + index))
    found = read_lazy(tmp_path)
    assert found["emma"].values == ["Emma"] and found["seven"].values.tolist() == [7]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no data at all", "is not a file of R"),
        (b"RDX2\nA\n2", "binary format"),
        (b"RDX2\n" + head() + whole(2 | 0x400), "ends too early"),
        (b"RDX2\n" + head() + whole(16, 5), "ends too early"),
        (b"RDX2\n" + head() + whole(13, -1), "ends too early"),
        (b"RDX2\n" + head() + whole(3), "of type 3"),  # a function
        (b"RDX2\n" + head() + whole(238), "of type 238"),  # a compact vector
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "some.rda"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_rda(path)
