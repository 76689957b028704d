"""Token files: a corpus encoded once, stored on disk and memory-mapped.

A file is a header of 1,024 bytes, JSON padded with spaces, followed by the tokens, little-endian integers of 2 bytes
for vocabularies of up to 65,536 tokens and of 4 bytes otherwise. As the file is memory-mapped, training reads only the
windows that it draws, and a corpus may be larger than memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..files import aside, regular
from ..text.tokenizers import Tokenizer, fingerprint
from .registry import DataError

FORMAT = "tokens 1"
HEADER_BYTES = 1024


def write_tokens(path: Path | str, texts: Iterable[str], tokenizer: Tokenizer) -> np.ndarray:
    """Encode documents into a token file, with only one of them in memory at a time.

    Each document is followed by the tokenizer's end-of-text token or, if it has none, by a blank line.

    Args:
        path: of the file, which is written under a temporary name and moved into place once complete.
        texts: the documents.
        tokenizer: for all of them.

    Returns:
        the tokens, as :func:`read_tokens` returns them.

    Raises:
        ValueError: if there is no document.
    """
    dtype = np.dtype("<u2" if tokenizer.vocab_size <= 2**16 else "<u4")
    end = [tokenizer.end_of_text] if tokenizer.end_of_text is not None else tokenizer.encode("\n\n").tolist()
    checksum, length = hashlib.sha256(), 0
    with aside(path) as place, place.open("wb") as file:
        file.write(bytes(HEADER_BYTES))
        for text in texts:
            tokens = np.concatenate([tokenizer.encode(text).numpy(), end]).astype(dtype).tobytes()
            file.write(tokens)
            checksum.update(tokens)
            length += len(tokens) // dtype.itemsize
        if not length:
            raise ValueError("There are no documents to write.")
        header = {
            "largemodels": FORMAT,
            "dtype": dtype.str,
            "length": length,
            "vocab_size": tokenizer.vocab_size,
            "tokenizer": fingerprint(tokenizer),
            "sha256": checksum.hexdigest(),
        }
        file.seek(0)
        file.write(json.dumps(header).encode().ljust(HEADER_BYTES - 1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return read_tokens(path, tokenizer, check=False)


def read_tokens(path: Path | str, tokenizer: Tokenizer | None = None, *, check: bool = True) -> np.ndarray:
    """Map a token file into memory.

    Args:
        path: of a file that :func:`write_tokens` wrote.
        tokenizer: the one that will decode the tokens; it must be the one that encoded them.
        check: compare the tokens with their SHA-256, which reads the whole file, about a second per gigabyte.

    Returns:
        ``(time,)``, read-only, uint16 or uint32.

    Raises:
        DataError: if the file is truncated or damaged.
        ValueError: if it is not a token file, or was written with another tokenizer.
        OSError: if there is no such file.
    """
    path = Path(path)
    header = read_header(path)
    if tokenizer is not None and header["tokenizer"] != fingerprint(tokenizer):
        raise ValueError(
            f"{path} was written with another tokenizer: name that one, or write the file again with write_tokens."
        )
    dtype = np.dtype(header["dtype"])
    wanted = HEADER_BYTES + header["length"] * dtype.itemsize
    if path.stat().st_size != wanted:
        raise DataError(
            f"{path} has {path.stat().st_size:,} bytes, expected {wanted:,}: write it again with write_tokens."
        )
    tokens = np.memmap(path, dtype=dtype, mode="r", offset=HEADER_BYTES, shape=(header["length"],))
    if check and hashlib.sha256(tokens.data).hexdigest() != header["sha256"]:
        raise DataError(
            f"{path} is damaged, its SHA-256 differs from its header's: write it again with write_tokens."
        )
    return tokens


def read_header(path: Path | str) -> dict[str, Any]:
    """The header: ``dtype``, ``length`` (tokens), ``vocab_size``, ``tokenizer`` (its fingerprint), ``sha256``.

    Raises:
        ValueError: if it is not a token file.
        OSError: if there is no such file.
    """
    try:
        with regular(path, sys.maxsize).open("rb") as file:
            start = file.read(HEADER_BYTES)
        header: dict[str, Any] = json.loads(start)
        known = header["largemodels"] == FORMAT and header["dtype"] in ("<u2", "<u4") and header["length"] > 0
        known = known and {"vocab_size", "tokenizer", "sha256"} <= header.keys()
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f"{path} is not a token file of largemodels.")
    return header
