"""Preparing the folder of a run: its settings, its tokenizer and its encoded text."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from ..data.own import fingerprint, own_files
from ..data.registry import DataError, files
from ..data.text import Corpus, shakespeare, text_files, wikipedia
from ..data.tokens import read_header, read_tokens, write_tokens
from ..files import aside, to_json
from ..text import tokenizers
from ..text.tokenizers import ByteBPE, CharTokenizer, Tokenizer
from ..training.checkpoint_files import CheckpointError, SettingsError, list_checkpoints, refuse_file
from .console import quoted, say
from .settings import SETTINGS, SOURCE, RunSettings, load_settings, stored_source

CORPORA: dict[str, Callable[[], Corpus]] = {
    "shakespeare": shakespeare,
    "wikipedia": wikipedia,
    "wikipedia-fr": functools.partial(wikipedia, "fr"),
    "wikipedia-es": functools.partial(wikipedia, "es"),
}
TOKENIZER, ENCODED, HELD_OUT = "tokenizer.json", "train.tokens", "validation.tokens"
LOCK = ".preparing.lock"  # held while a folder is prepared; training holds another lock


def prepare_run(folder: Path | str, settings: RunSettings) -> Tokenizer:
    """Write the tokenizer and the encoded text into a folder, unless they are there and intact.

    The text is compared by its content: it may have moved, but not have changed once something has been trained on it.
    If several processes start at once, one does the work and the others wait for it.

    Raises:
        SettingsError: if the folder's run has other settings or was trained on another text.
        ValueError: if the tokenizer cannot be built with these settings, or the text is too short for them.
        DataError: if the text is missing or damaged.
        CheckpointError: if the folder cannot be written, or its tokenizer has been changed.
    """
    folder = Path(folder)
    refuse_file(folder)
    _refuse_too_large(settings)
    source = _source(settings.data)
    if not _is_prepared(folder, settings, source):
        with _one_at_a_time(folder):
            if not _is_prepared(folder, settings, source):  # nobody has been faster
                _prepare(folder, settings, source)
    return stored_tokenizer(folder)


def _refuse_too_large(settings: RunSettings) -> None:
    """Raises: ValueError: if the weights of the blocks alone are larger than the memory, as far as that is known."""
    if settings.n_layer > 1_000:  # building them alone takes minutes
        raise ValueError(
            f"A model may have at most 1,000 layers, not {settings.n_layer:,}: give a smaller --n-layer."
        )
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # bytes
    n_parameters = 12 * settings.n_layer * settings.d_model**2  # about
    if 4 * n_parameters > memory:  # of four bytes each
        raise ValueError(
            f"A model with n_layer = {settings.n_layer} and d_model = {settings.d_model} has about {n_parameters:.1e} "
            f"weights, which do not fit into {memory / 1e9:.0f} GB of memory: give a smaller --n-layer or --d-model."
        )


def _is_prepared(folder: Path, settings: RunSettings, source: str) -> bool:
    """Whether a folder has been prepared for a run, and nothing of it is missing or damaged.

    Raises:
        SettingsError: if it has been prepared for another.
    """
    if not (folder / SETTINGS).exists():
        return False
    stored = load_settings(folder)
    _refuse_other_settings(folder, stored, settings)
    noted = stored_source(folder)
    if noted != source and (noted or stored.data != settings.data):
        if not list_checkpoints(folder):  # nothing rests on the old text
            return False
        what = (
            "has changed since" if stored.data == settings.data else f"is another text than {stored.data!r}"
        )
        raise SettingsError(
            f"{folder} was trained on a text with another content: {settings.data!r} {what}. Put the old text back, or "
            f"train on this one in another folder with {_other_out(folder)}."
        )
    try:
        for name in (ENCODED, HELD_OUT):
            read_tokens(folder / name)
    except (DataError, ValueError, OSError):
        return False
    return True


def _refuse_other_settings(folder: Path, stored: RunSettings, settings: RunSettings) -> None:
    """Refuse settings other than a run's, the path of the text apart.

    Raises:
        SettingsError: with all that differ, and the options to repeat.
    """
    old, new = asdict(stored), asdict(settings)
    names = [name for name in old if name != "data" and old[name] != new[name]]
    if stored.tokenizer == "characters" and "vocab_size" in names:
        names.remove("vocab_size")  # characters have no use for it
    if names:
        said = "; ".join(f"{name} = {old[name]!r}, not {new[name]!r}" for name in names)
        options = " ".join(f"--{name.replace('_', '-')} {old[name]}" for name in names)
        raise SettingsError(
            f"{folder} was started with {said}. A run keeps these: its weights rest on them. Give {options}, or name "
            f"another folder with {_other_out(folder)}."
        )


def _other_out(folder: Path) -> str:
    """The option ``--out`` with a folder that does not exist yet."""
    named = folder if folder.name.strip(".") else folder.resolve()
    free = (named.with_name(f"{named.name}-{number}") for number in itertools.count(2))
    return f"--out {quoted(next(path for path in free if not path.exists()))}"


def _prepare(folder: Path, settings: RunSettings, source: str) -> None:
    """Build the tokenizer and encode the text. The settings are written last: where they exist, all the rest does."""
    corpus = _corpus(settings.data)
    tokenizer: Tokenizer
    checkpoints, settled = list_checkpoints(folder), (folder / SETTINGS).exists()
    if checkpoints and not settled:  # the folder was deleted while its training went on
        say(f"Only checkpoints are left in {folder}: preparing the text again, which must be the same.")
    if checkpoints and settled:
        say(f"The encoded text in {folder} is missing or damaged: encoding it again.")
        tokenizer = stored_tokenizer(folder)
    elif settings.tokenizer == "bytes":
        tokenizer = ByteBPE.train(corpus.train.values(), settings.vocab_size)
    else:
        parts = [corpus.train, corpus.validation, corpus.test]
        tokenizer = CharTokenizer("\n".join(text for part in parts for text in part.values()) + "\n")
    with _writing(folder):
        lengths = [
            len(write_tokens(folder / name, part.values(), tokenizer))
            for name, part in ((ENCODED, corpus.train), (HELD_OUT, corpus.validation))
        ]
        if min(lengths) <= settings.context_length:
            for name in (ENCODED, HELD_OUT):
                (folder / name).unlink()
            raise ValueError(_too_short(settings, *lengths))
        tokenizers.save(tokenizer, folder / TOKENIZER)
        with aside(folder / SETTINGS) as place:
            noted = to_json(asdict(settings) | {SOURCE: source}, indent=1)
            place.write_text(noted + "\n", encoding="utf-8")


def _too_short(settings: RunSettings, training: int, validation: int) -> str:
    """The message about a text that has no window of the context length."""
    needed, most = settings.context_length + 1, min(training, validation) - 1
    shorter = f", or give --context-length {most} or less" if most >= 1 else ""
    return (
        f"{settings.data} is too short: {training:,} tokens are for training and {validation:,} are held out for "
        f"validation, but a context of {settings.context_length} needs at least {needed:,} in each. Use a longer "
        f"text{shorter}."
    )


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
        if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
            raise CheckpointError(
                f"The run could not be written to {folder} ({error.strerror}: "
                f"{error.filename2 or error.filename or folder}): something else has the name of one of its files. "
                "Move that elsewhere, or name another folder with --out."
            ) from error
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
    return text_files(data)


def _source(data: str) -> str:
    """What identifies the content of a text, by name or path."""
    if data in CORPORA:
        return f"{data} {fingerprint(files(data.partition('-')[0]))}"
    if not os.path.lexists(data):
        raise ValueError(f"There is no text {data!r}: name a file, a folder, or one of {', '.join(CORPORA)}.")
    return fingerprint(own_files(data))


def stored_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a run. With another one the model would produce nonsense, without any error.

    Raises:
        CheckpointError: if it is not the one that the text was encoded with.
    """
    path = folder / TOKENIZER
    try:
        tokenizer = tokenizers.load(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: restore it, or train again in another folder.") from None
    except ValueError as error:
        raise CheckpointError(str(error)) from None
    noted = set()
    for name in (ENCODED, HELD_OUT):
        with suppress(OSError, ValueError):  # they may have been deleted; training encodes the text again
            noted.add(read_header(folder / name)["tokenizer"])
    changed = noted - {tokenizers.fingerprint(tokenizer)}
    if changed:
        raise CheckpointError(
            f"{path} is not the tokenizer that the model was trained with: restore that one, or train again in "
            "another folder."
        )
    return tokenizer
