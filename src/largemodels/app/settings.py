"""The settings of a run, and the scales they can be chosen by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..files import from_json, regular
from ..models.checks import at_least
from ..models.gpt import GPTConfig
from ..models.presets import preset
from ..training.checkpoint_files import refuse_file
from ..training.config import TrainingConfig

TOKENIZERS = ("characters", "bytes")
SETTINGS = "settings.json"
SOURCE = "source"  # beside the settings: what identifies the content of the text


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


def load_settings(folder: Path | str) -> RunSettings:
    """The settings of a run.

    Raises:
        CheckpointError: if the folder is a file.
        ValueError: if they cannot be read.
        OSError: if the folder has none.
    """
    path = Path(folder) / SETTINGS
    stored = _read(folder)
    try:
        return RunSettings(**{name: value for name, value in stored.items() if name != SOURCE})
    except ValueError as error:
        raise _unreadable(path, error) from None
    except TypeError:
        raise _unreadable(path, "it holds other settings than a run of this version") from None


def stored_source(folder: Path | str) -> str | None:
    """What identifies the content of a run's text; None if the run is from before this was noted."""
    return _read(folder).get(SOURCE)


def _read(folder: Path | str) -> dict[str, Any]:
    refuse_file(Path(folder))
    path = Path(folder) / SETTINGS
    try:
        stored: dict[str, Any] = from_json(regular(path, 10**6).read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise _unreadable(path, error) from None
    if not isinstance(stored, dict):
        raise _unreadable(path, "it holds no table")
    return stored


def _unreadable(path: Path, error: Exception | str) -> ValueError:
    return ValueError(f"{path} cannot be read ({error}): name another folder.")
