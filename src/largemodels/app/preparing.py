"""Preparing the folder of a run: its settings, its tokenizer and its encoded text."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from ..data.text import Corpus, shakespeare, text_files, wikipedia
from ..data.tokens import read_header, write_tokens
from ..files import aside
from ..text import tokenizers
from ..text.tokenizers import ByteBPE, CharTokenizer, Tokenizer
from ..training.checkpoints import CheckpointError, SettingsError, refuse_file
from .settings import SETTINGS, RunSettings, load_settings

CORPORA: dict[str, Callable[[], Corpus]] = {
    "shakespeare": shakespeare,
    "wikipedia": wikipedia,
    "wikipedia-fr": functools.partial(wikipedia, "fr"),
    "wikipedia-es": functools.partial(wikipedia, "es"),
}
TOKENIZER, ENCODED, HELD_OUT = "tokenizer.json", "train.tokens", "validation.tokens"
LOCK = ".preparing.lock"  # held while a folder is prepared; training holds another lock


def prepare_run(folder: Path | str, settings: RunSettings) -> Tokenizer:
    """Write the tokenizer and the encoded text into a folder, unless they are there.

    If several processes start at once, one does the work and the others wait for it.

    Raises:
        SettingsError: if the folder's run has other settings.
        ValueError: if the tokenizer cannot be built with these settings.
        DataError: if the text is missing or damaged.
        CheckpointError: if the folder cannot be written, or its tokenizer has been changed.
    """
    folder = Path(folder)
    refuse_file(folder)
    if not (folder / SETTINGS).exists():
        with _one_at_a_time(folder):
            if not (folder / SETTINGS).exists():  # nobody has been faster
                _prepare(folder, settings)
    stored = asdict(load_settings(folder))
    for name, value in asdict(settings).items():
        if stored[name] != value:
            raise SettingsError(
                f"{folder} was started with {name} = {stored[name]!r}, not {value!r}: use the old value, or "
                "name another folder with --out."
            )
    return stored_tokenizer(folder)


def _prepare(folder: Path, settings: RunSettings) -> None:
    """Build the tokenizer and encode the text. The settings are written last: where they exist, all the rest does."""
    corpus = _corpus(settings.data)
    tokenizer: Tokenizer
    if settings.tokenizer == "bytes":
        tokenizer = ByteBPE.train(corpus.train.values(), settings.vocab_size)
    else:
        parts = [corpus.train, corpus.validation, corpus.test]
        tokenizer = CharTokenizer("\n".join(text for part in parts for text in part.values()) + "\n")
    with _writing(folder):
        write_tokens(folder / ENCODED, corpus.train.values(), tokenizer)
        write_tokens(folder / HELD_OUT, corpus.validation.values(), tokenizer)
        tokenizers.save(tokenizer, folder / TOKENIZER)
        with aside(folder / SETTINGS) as place:
            place.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process prepares the folder. If an error leaves a new folder empty, it is removed."""
    lock, new = folder / LOCK, not folder.exists()
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock).acquire()
    with held:
        try:
            yield
        except BaseException:
            with suppress(OSError):
                if new and list(folder.iterdir()) == [lock]:
                    shutil.rmtree(folder)
            raise


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says how much room there is, and what to do.

    Raises:
        CheckpointError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(there).free / 1e6  # megabytes
        raise CheckpointError(
            f"The run could not be written to {folder}, where {free:,.1f} MB are free ({error.strerror or error}). "
            "Free some space and run again, or name another folder with --out."
        ) from error


def _corpus(data: str) -> Corpus:
    """A corpus by name or path."""
    if data in CORPORA:
        return CORPORA[data]()
    if not Path(data).exists():
        raise ValueError(f"There is no text {data!r}: name a file, a folder, or one of {', '.join(CORPORA)}.")
    return text_files(data)


def stored_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a run. With another one the model would produce nonsense, without any error.

    Raises:
        CheckpointError: if it is not the one that the text was encoded with.
    """
    path, encoded = folder / TOKENIZER, folder / ENCODED
    try:
        tokenizer = tokenizers.load(path)
        changed = encoded.exists() and read_header(encoded)["tokenizer"] != tokenizers.fingerprint(tokenizer)
    except ValueError as error:
        raise CheckpointError(str(error)) from None
    if changed:
        raise CheckpointError(
            f"{path} is not the tokenizer that the model was trained with: restore that one, or train again in "
            "another folder."
        )
    return tokenizer
