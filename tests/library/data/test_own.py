from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largemodels.data.checks import DataError
from largemodels.data.own import fingerprint, own_files, read_text
from largemodels.data.text import _cut, text_files

TEXT = "".join(f"{n}: naïve 🙂\n" for n in range(100))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_is_no_character(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding[-2:] in ("le", "be") else ""
    (tmp_path / "a.txt").write_bytes((mark + TEXT.replace("\n", "\r\n")).encode(encoding))
    assert read_text(tmp_path / "a.txt") == TEXT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("schön".encode("latin-1"), "is not UTF-8 text: byte 3 is invalid. Save it as UTF-8, for example with iconv"),
        ("To be".encode("utf-16-le"), "holds the character NUL, at 1: it is no text, or UTF-16 without a mark."),
        (b"\xff\xfeab\x00", "is not UTF-16 text: "),
        (b"\xff\xfe\0\0ab", "is not UTF-32 text: "),
        (b"PK\x03\x04\0\0", "holds the character NUL"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_text(tmp_path / "a.txt")
    assert said in str(error.value)


def test_a_folder_called_like_a_text_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.txt").mkdir()
    (tmp_path / "x.txt" / "y.txt").write_text(TEXT)
    assert list(own_files(tmp_path)) == ["x.txt/y.txt"]
    assert text_files(tmp_path).text("train")
    assert list(own_files(tmp_path / "x.txt")) == ["y.txt"]


def test_links_are_followed_and_each_folder_once(tmp_path: Path) -> None:
    corpus, other = tmp_path / "corpus", tmp_path / "other"
    (corpus / "b").mkdir(parents=True)
    other.mkdir()
    (corpus / "b" / "1.txt").write_text(TEXT)
    (other / "2.txt").write_text(TEXT)
    (corpus / "3.txt").symlink_to(other / "2.txt")
    (corpus / "a").symlink_to(corpus / "b")  # the same folder again
    (corpus / "b" / "loop").symlink_to(corpus)
    (corpus / "c").symlink_to(other)
    (other / "back").symlink_to(corpus / "b")
    assert list(own_files(corpus)) == ["3.txt", "b/1.txt", "c/2.txt"]


@pytest.mark.parametrize("where", ["alone", "in a folder"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "broken link", "link to itself"])
def test_what_is_no_file_is_refused_before_it_is_opened(
    kind: str, where: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path("x.txt")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        path.symlink_to("gone.txt" if kind == "broken link" else "x.txt")
    said = (
        r"x\.txt is a link to a file that is not there"
        if "link" in kind
        else r"x\.txt is not a file of a disk"
    )
    with pytest.raises(DataError, match=said):
        text_files(path if where == "alone" else tmp_path)


def test_a_device_is_refused() -> None:
    for path in ("/dev/zero", "/dev/stdin"):
        if Path(path).exists() and not Path(path).is_file():
            with pytest.raises(DataError, match="is not a file of a disk"):
                text_files(path)


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch) -> None:
    """Refused by the system itself; as root, who may read everything, in its place."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text(TEXT)
    closed, real_list, real_open = tmp_path / "closed", os.listdir, Path.open

    def iterdir(folder: Path):
        if folder == closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return iter([folder / name for name in real_list(folder)])

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(
        DataError, match=r"The folder .*closed cannot be read \(Permission denied\): allow it"
    ):
        text_files(tmp_path)
    closed.rmdir()

    def opened(path: Path, *arguments, **options):
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    for read in (text_files, lambda path: fingerprint(own_files(path))):
        with pytest.raises(
            DataError, match=r"a\.txt cannot be read \(Permission denied\): allow it, or move it"
        ):
            read(tmp_path)


@given(st.lists(st.text("ab", min_size=8, max_size=12), min_size=20, max_size=40))
def test_a_text_as_long_as_the_message_asks_for_is_taken(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if max(map(len, lines)) + 1 <= len(text) / 20:
        assert all(_cut(Path("a.txt"), "a.txt", text).text(part) for part in ("train", "validation", "test"))


def test_content_is_compared_and_names_where_they_matter(tmp_path: Path) -> None:
    for folder, name, text in [("a", "x", TEXT), ("b", "y", TEXT), ("c", "x", TEXT + "!")]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.txt").write_text(text)
    one, moved, changed = (fingerprint(own_files(tmp_path / folder)) for folder in "abc")
    assert one == moved != changed
    before = fingerprint(own_files(tmp_path))
    (tmp_path / "a" / "x.txt").rename(tmp_path / "a" / "z.txt")
    assert fingerprint(own_files(tmp_path)) != before
