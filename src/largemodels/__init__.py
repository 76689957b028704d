"""The library of *Large Models at Work*: models and their training, written to be read.

Modules load when they are first used, so ``import largemodels`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import chapter, data, generation, interop, models, plots, provenance, studies, tokenizers, training
    from .chapter import ClaimError, claim, start
    from .data.text import batches, shakespeare
    from .generation import generate
    from .models.gpt import GPT, GPTConfig
    from .models.ngram import NGram
    from .tokenizers import CharTokenizer
    from .training import TrainingConfig, evaluate, train

_MODULES = "chapter data generation interop models plots provenance studies tokenizers training".split()
_NAMES = {
    "claim": "chapter",
    "ClaimError": "chapter",
    "start": "chapter",
    "batches": "data.text",
    "shakespeare": "data.text",
    "generate": "generation",
    "GPT": "models.gpt",
    "GPTConfig": "models.gpt",
    "NGram": "models.ngram",
    "CharTokenizer": "tokenizers",
    "evaluate": "training",
    "train": "training",
    "TrainingConfig": "training",
}
__all__ = [*_MODULES, *_NAMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"largemodels has no {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
