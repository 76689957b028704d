"""A run: the folder that ``largemodels train`` writes and the other commands open.

It holds the settings (``settings.json``), the tokenizer, the encoded text, and the checkpoints of :mod:`.checkpoints`.
Training into the same folder again resumes where the last training stopped.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from ..data.batches import batches
from ..data.text import Corpus, shakespeare, text_files, wikipedia
from ..data.tokens import read_header, read_tokens, write_tokens
from ..files import aside, from_json
from ..models.checks import at_least
from ..models.gpt import GPT, GPTConfig
from ..models.presets import preset
from ..text import tokenizers
from ..text.evaluation import evaluate
from ..text.tokenizers import ByteBPE, CharTokenizer, Tokenizer
from ..training.checkpoint_files import CheckpointError, SettingsError, is_checkpoint, newest, refuse_file
from ..training.checkpoint_match import refuse_other_model, saved_shapes
from ..training.checkpoints import load_record, load_weights
from ..training.config import TrainingConfig
from ..training.history import History
from ..training.loop import device, train

CORPORA: dict[str, Callable[[], Corpus]] = {
    "shakespeare": shakespeare,
    "wikipedia": wikipedia,
    "wikipedia-fr": functools.partial(wikipedia, "fr"),
    "wikipedia-es": functools.partial(wikipedia, "es"),
}
TOKENIZERS = ("characters", "bytes")
SETTINGS, TOKENIZER, ENCODED = "settings.json", "tokenizer.json", "train.tokens"
LOCK = ".preparing.lock"  # held while a folder is prepared; training holds another lock
N_VALIDATION = 20_000  # tokens of the validation text that the evaluations during training use


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run. With the defaults it trains in a few minutes on two cores."""

    data: str = "shakespeare"  # a name in CORPORA, or the path of a text file or a folder of such
    tokenizer: str = "characters"  # or "bytes": byte pairs
    vocab_size: int = 2048  # of byte pairs; characters are as many as there are
    preset: str = "modern"  # architecture, see models/presets.py; the sizes are those below
    n_layer: int = 4
    n_head: int = 4
    d_model: int = 128
    context_length: int = 128
    batch_size: int = 8  # windows a batch
    seed: int = 0  # of weights and batches

    def __post_init__(self) -> None:
        if self.tokenizer not in TOKENIZERS:
            raise ValueError(f"There is no tokenizer {self.tokenizer!r}. There are: {', '.join(TOKENIZERS)}.")
        at_least(1, batch_size=self.batch_size)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must lie between 0 and 2**63 - 1, not {self.seed}.")
        self.model_config(vocab_size=1)  # checks preset and sizes

    def model_config(self, vocab_size: int) -> GPTConfig:
        """The configuration of the model, given the size of the vocabulary."""
        return preset(
            self.preset,
            vocab_size=vocab_size,
            context_length=self.context_length,
            n_layer=self.n_layer,
            n_head=self.n_head,
            d_model=self.d_model,
            n_kv_head=None,
            d_hidden=None,
        )


# The scales of the chapters: seconds, to see that it works; minutes on two cores; and one GPU, with the sizes of
# nanoGPT's character-level recipe (Karpathy, https://github.com/karpathy/nanoGPT).
SCALES: dict[str, tuple[dict[str, int], int]] = {  # settings that differ from the defaults, and steps
    "smoke": (dict(n_layer=1, n_head=2, d_model=16, context_length=32, batch_size=4), 20),
    "laptop": ({}, 1_000),
    "gpu": (dict(n_layer=6, n_head=6, d_model=384, context_length=256, batch_size=64), 5_000),
}


def train_run(folder: Path | str, settings: RunSettings, config: TrainingConfig) -> History:
    """Train a GPT into a folder, or resume its training.

    Args:
        folder: of the run; created if it does not exist.
        settings: text, tokenizer and model; if the folder holds a run, they must be that run's.
        config: how to train, and how long.

    Returns:
        the history, with ``validation_loss`` in nats per token.

    Raises:
        SettingsError: if the folder's run has other settings.
        ValueError: if the text is too short.
        DataError: if the text is missing or damaged.
        CheckpointError: if the folder cannot be used.
    """
    folder = Path(folder)
    tokenizer = prepare_run(folder, settings)
    tokens = read_tokens(folder / ENCODED, tokenizer)
    held_out = torch.from_numpy(
        read_tokens(folder / "validation.tokens", tokenizer)[:N_VALIDATION].astype(int)
    )
    torch.manual_seed(settings.seed)
    model = GPT(settings.model_config(tokenizer.vocab_size)).to(device())
    length = settings.context_length
    source = functools.partial(batches, tokens, settings.batch_size, length, settings.seed)
    measure = lambda: {"validation_loss": evaluate(model, held_out, length)}  # noqa: E731
    return train(model, source, config, measure, checkpoint=folder)


def load_run(folder: Path | str) -> tuple[GPT, Tokenizer]:
    """The model of a run's newest intact checkpoint, on the available device, and its tokenizer.

    Args:
        folder: of a run, or of one of its checkpoints.

    Raises:
        CheckpointError: if there is none, it is damaged, or the tokenizer has been replaced.
    """
    home, checkpoint = find_run(folder)
    described = load_record(checkpoint)["model"]
    try:
        config = GPTConfig(**described["config"])
        if config.n_layer > len(saved_shapes(checkpoint)):
            raise ValueError
        with torch.device("meta"):  # whatever the sizes, it takes no memory
            refuse_other_model(GPT(config), checkpoint)
        model = GPT(config)
    except CheckpointError:
        raise
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise CheckpointError(
            f"The model in {folder} is not a GPT that this version of largemodels knows."
        ) from None
    tokenizer = _tokenizer(home)
    load_weights(model, checkpoint)
    return model.to(device()).eval(), tokenizer


def find_run(path: Path | str) -> tuple[Path, Path]:
    """The folder of a run and its newest intact checkpoint; skipped damaged ones are reported on stderr.

    Args:
        path: of a run, or of one of its checkpoints, which is then the one returned.

    Raises:
        CheckpointError: if there is none, or it is damaged.
    """
    path = Path(path)
    refuse_file(path)
    home = path.parent if is_checkpoint(path) else path
    if not (home / TOKENIZER).exists():
        raise CheckpointError(
            f"There is no trained model in {path}. Train one: largemodels train --out {path}"
        )
    return home, newest(path)


def _tokenizer(folder: Path) -> Tokenizer:
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


def load_settings(folder: Path | str) -> RunSettings:
    """The settings of a run.

    Raises:
        CheckpointError: if the folder is a file.
        ValueError: if they cannot be read.
        OSError: if the folder has none.
    """
    refuse_file(Path(folder))
    path = Path(folder) / SETTINGS
    try:
        return RunSettings(**from_json(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): name another folder.") from None


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
    return _tokenizer(folder)


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
        write_tokens(folder / "validation.tokens", corpus.validation.values(), tokenizer)
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


def settings_for(scale: str, **changes: Any) -> RunSettings:
    """The settings of a scale, with the given changes; a change of None keeps the scale's value.

    Raises:
        ValueError: if there is no such scale, or a value is not allowed.
    """
    if scale not in SCALES:
        raise ValueError(f"There is no scale {scale!r}. There are: {', '.join(SCALES)}.")
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(RunSettings(), **(SCALES[scale][0] | given))


def recipe_for(
    scale: str,
    steps: int | None,
    seconds: float | None,
    optimizer: str,
    learning_rate: float | None,
    precision: str,
) -> TrainingConfig:
    """The training configuration of a scale: its number of steps, unless steps or seconds are given."""
    if steps is None and seconds is None:
        steps = SCALES[scale][1]
    return TrainingConfig(
        steps=steps,
        seconds=seconds,
        warmup_steps=20 if steps is None else steps // 20,
        evaluate_every=100 if steps is None else max(1, steps // 10),
        optimizer=optimizer,
        learning_rate=5e-3 if learning_rate is None else learning_rate,
        matrix_learning_rate=0.03,
        precision=precision,
    )
