"""A run: the folder that ``largemodels train`` writes and the other commands open.

It holds the settings (``settings.json``), the tokenizer, the encoded text, and the checkpoints of :mod:`.checkpoints`.
Training into the same folder again resumes where the last training stopped.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch

from ..data.batches import batches
from ..data.tokens import read_tokens
from ..models.gpt import GPT, GPTConfig
from ..text.evaluation import evaluate
from ..text.tokenizers import Tokenizer
from ..training.checkpoint_files import CheckpointError, is_checkpoint, list_checkpoints, newest, refuse_file
from ..training.checkpoint_match import refuse_other_model, saved_shapes
from ..training.checkpoints import load_record, load_weights
from ..training.config import TrainingConfig
from ..training.history import History
from ..training.loop import device, train
from .console import quoted
from .preparing import ENCODED, HELD_OUT, TOKENIZER, prepare_run, stored_tokenizer
from .settings import SCALES as SCALES
from .settings import RunSettings
from .settings import recipe_for as recipe_for
from .settings import settings_for as settings_for

N_VALIDATION = 20_000  # tokens of the validation text that the evaluations during training use


def train_run(folder: Path | str, settings: RunSettings, config: TrainingConfig) -> History:
    """Train a GPT into a folder, or resume its training.

    Args:
        folder: of the run; created if it does not exist.
        settings: text, tokenizer and model; if the folder holds a run, they must be that run's.
        config: how to train, and how long; with more steps or seconds than before, a run becomes longer, see
            :mod:`largemodels.training.length`.

    Returns:
        the history, with ``validation_loss`` in nats per token.

    Raises:
        SettingsError: if the folder's run has other settings or another text, or is longer already.
        ValueError: if the text is too short.
        DataError: if the text is missing or damaged.
        CheckpointError: if the folder cannot be used.
    """
    return train_prepared(Path(folder), prepare_run(folder, settings), settings, config)


def train_prepared(
    folder: Path, tokenizer: Tokenizer, settings: RunSettings, config: TrainingConfig
) -> History:
    """Train as :func:`train_run` does, in a folder that :func:`.preparing.prepare_run` has just prepared."""
    tokens = read_tokens(folder / ENCODED, tokenizer, check=False)  # checked when it was prepared
    validation = read_tokens(folder / HELD_OUT, tokenizer, check=False)[:N_VALIDATION]
    held_out = torch.from_numpy(validation.astype(int))
    torch.manual_seed(settings.seed)
    model = GPT(settings.model_config(tokenizer.vocab_size)).to(device())
    length = settings.context_length
    source = functools.partial(batches, tokens, settings.batch_size, length, settings.seed)
    measure = lambda: {"validation_loss": evaluate(model, held_out, length)}  # noqa: E731
    return train(model, source, config, measure, checkpoint=folder)


def stored_length(folder: Path) -> tuple[int | None, float | None]:
    """The steps and seconds that a run has been given; None for both if it has no checkpoint yet."""
    if not list_checkpoints(folder):
        return None, None
    training = load_record(newest(folder))["training"]
    return training["steps"], training["seconds"]


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
    tokenizer = stored_tokenizer(home)
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
            f"There is no trained model in {path}. Train one: largemodels train --out {quoted(home)}"
        )
    return home, newest(path)
