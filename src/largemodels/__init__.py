"""The library of *Large Models at Work*: models and their training, written to be read.

Modules load when they are first used, so ``import largemodels`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        app,
        chapter,
        checkpoints,
        data,
        generation,
        interop,
        models,
        optimizers,
        plots,
        provenance,
        runs,
        sampling,
        studies,
        tokenizers,
        training,
        writing,
    )
    from .chapter import ClaimError, claim, start
    from .data.text import batches, shakespeare, wikipedia
    from .generation import beam_search, generate
    from .models.gpt import GPT, GPTConfig
    from .models.lstm import LSTM, LSTMConfig
    from .models.mlp import MLP, MLPConfig
    from .models.ngram import NGram
    from .models.perceptron import Perceptron
    from .models.recurrent_lm import RecurrentLM, RecurrentLMConfig
    from .models.rnn import RNN, RNNConfig
    from .tokenizers import ByteBPE, CharTokenizer
    from .training import TrainingConfig, evaluate, train
    from .writing import complete, stream

__version__ = "0.1.0"
__all__ = [
    "GPT",
    "LSTM",
    "MLP",
    "RNN",
    "ByteBPE",
    "CharTokenizer",
    "ClaimError",
    "GPTConfig",
    "LSTMConfig",
    "MLPConfig",
    "NGram",
    "Perceptron",
    "RNNConfig",
    "RecurrentLM",
    "RecurrentLMConfig",
    "TrainingConfig",
    "app",
    "batches",
    "beam_search",
    "chapter",
    "checkpoints",
    "claim",
    "complete",
    "data",
    "evaluate",
    "generate",
    "generation",
    "interop",
    "models",
    "optimizers",
    "plots",
    "provenance",
    "runs",
    "sampling",
    "shakespeare",
    "start",
    "stream",
    "studies",
    "tokenizers",
    "train",
    "training",
    "wikipedia",
    "writing",
]

# The module of each name above that is not a module itself.
_HOME = {
    "claim": "chapter",
    "ClaimError": "chapter",
    "start": "chapter",
    "batches": "data.text",
    "shakespeare": "data.text",
    "wikipedia": "data.text",
    "beam_search": "generation",
    "generate": "generation",
    "GPT": "models.gpt",
    "GPTConfig": "models.gpt",
    "LSTM": "models.lstm",
    "LSTMConfig": "models.lstm",
    "MLP": "models.mlp",
    "MLPConfig": "models.mlp",
    "NGram": "models.ngram",
    "Perceptron": "models.perceptron",
    "RecurrentLM": "models.recurrent_lm",
    "RecurrentLMConfig": "models.recurrent_lm",
    "RNN": "models.rnn",
    "RNNConfig": "models.rnn",
    "ByteBPE": "tokenizers",
    "CharTokenizer": "tokenizers",
    "evaluate": "training",
    "train": "training",
    "TrainingConfig": "training",
    "complete": "writing",
    "stream": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"largemodels has no {name!r}")
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
