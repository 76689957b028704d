"""Text files of your own: found, told apart by content, and read."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..files import sha256
from .checks import DataError

# What a file begins with whose writer marked its encoding. UTF-32 goes first, as its mark begins with UTF-16's.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def own_files(path: Path | str) -> dict[str, Path]:
    """The documents of a corpus of your own by name: the file, or the files ``*.txt`` of a folder and its subfolders.

    Links are followed, each folder once. A folder named ``x.txt`` is a folder.

    Raises:
        DataError: if there is no such path, a file or subfolder cannot be read, or one is not a file of a disk (a pipe
            has no end that could be waited for, and can be read only once).
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise DataError(f"There is no file or folder {path}.")
    if not path.is_dir():
        _refuse_other(path)
        return {path.name: path}
    found = {file.relative_to(path).as_posix(): file for file in _walk(path, set())}
    for file in found.values():
        _refuse_other(file)
    return dict(sorted(found.items(), key=lambda pair: pair[0].split("/")))


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Everything called ``*.txt`` under a folder that is not a folder itself."""
    if (real := os.path.realpath(folder)) in seen:  # a link to a folder that has been read, or is being read
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read ({error.strerror}): allow it, or move it away."
        ) from None
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry, seen)
        elif entry.name.endswith(".txt"):
            yield entry


def _refuse_other(path: Path) -> None:
    """Raises: DataError: if a path is not that of a file that can be read."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise _unreadable(path, error) from None
    if not regular:
        raise DataError(
            f"{path} is not a file of a disk but a pipe, a socket or a device: copy its text into a file."
        )


def _unreadable(path: Path, error: OSError) -> DataError:
    if path.is_symlink():
        return DataError(
            f"{path} is a link to a file that is not there or cannot be read ({error.strerror}): remove it."
        )
    return DataError(f"{path} cannot be read ({error.strerror}): allow it, or move it away.")


def fingerprint(files: dict[str, Path]) -> str:
    """SHA-256 over names and contents of files; the name of a single one does not count, and neither does any folder.

    Raises:
        DataError: if one cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        try:
            line = f"{name if len(files) > 1 else ''}\0{sha256(path)}\n"
        except OSError as error:
            raise _unreadable(path, error) from None
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark, which is left out; line ends are LF.

    Raises:
        DataError: if it cannot be read, or is in another encoding.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        encoding = next((name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8-sig")
        text = path.read_text(encoding=encoding)
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeError as error:
        name = encoding.removesuffix("-sig").upper()
        where = f"byte {error.start} is invalid" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DataError(
            f"{path} is not {name} text: {where}. Save it as UTF-8, for example with iconv -f latin1 -t utf-8."
        ) from None
    if (place := text.find("\0")) >= 0:
        raise DataError(
            f"{path} holds the character NUL, at {place:,}: it is no text, or UTF-16 without a mark. Save it as UTF-8."
        )
    return text
