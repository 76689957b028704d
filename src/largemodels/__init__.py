"""The library of *Large Models at Work*: models and their training, written to be read.

Modules load when they are first used, so ``import largemodels`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import chapter, data, generation, interop, models, plots, provenance, studies, tokenizers, training
    from .chapter import ClaimError, claim, start
    from .data.text import batches, shakespeare
    from .generation import generate
    from .models.gpt import GPT, GPTConfig
    from .models.ngram import NGram
    from .tokenizers import CharTokenizer
    from .training import TrainingConfig, evaluate, train

__version__ = "0.1.0"
__all__ = [
    "GPT",
    "CharTokenizer",
    "ClaimError",
    "GPTConfig",
    "NGram",
    "TrainingConfig",
    "batches",
    "chapter",
    "claim",
    "data",
    "evaluate",
    "generate",
    "generation",
    "interop",
    "models",
    "plots",
    "provenance",
    "shakespeare",
    "start",
    "studies",
    "tokenizers",
    "train",
    "training",
]

# The module of each name above that is not a module itself.
_HOME = {
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"largemodels has no {name!r}")
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
