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
        interop_pictures,
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
    from .data.images import digits, photograph
    from .data.text import batches, shakespeare, wikipedia
    from .generation import beam_search, generate
    from .models.alexnet import AlexNet, AlexNetConfig
    from .models.efficientnet import EfficientNetLite, EfficientNetLiteConfig
    from .models.gpt import GPT, GPTConfig
    from .models.lstm import LSTM, LSTMConfig
    from .models.mlp import MLP, MLPConfig
    from .models.ngram import NGram
    from .models.perceptron import Perceptron
    from .models.recurrent_lm import RecurrentLM, RecurrentLMConfig
    from .models.resnet import ResNet, ResNetConfig
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
    "AlexNet",
    "AlexNetConfig",
    "ByteBPE",
    "CharTokenizer",
    "ClaimError",
    "EfficientNetLite",
    "EfficientNetLiteConfig",
    "GPTConfig",
    "LSTMConfig",
    "MLPConfig",
    "NGram",
    "Perceptron",
    "RNNConfig",
    "RecurrentLM",
    "RecurrentLMConfig",
    "ResNet",
    "ResNetConfig",
    "TrainingConfig",
    "app",
    "batches",
    "beam_search",
    "chapter",
    "checkpoints",
    "claim",
    "complete",
    "data",
    "digits",
    "evaluate",
    "generate",
    "generation",
    "interop",
    "interop_pictures",
    "models",
    "optimizers",
    "photograph",
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
    "digits": "data.images",
    "photograph": "data.images",
    "batches": "data.text",
    "shakespeare": "data.text",
    "wikipedia": "data.text",
    "beam_search": "generation",
    "generate": "generation",
    "AlexNet": "models.alexnet",
    "AlexNetConfig": "models.alexnet",
    "EfficientNetLite": "models.efficientnet",
    "EfficientNetLiteConfig": "models.efficientnet",
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
    "ResNet": "models.resnet",
    "ResNetConfig": "models.resnet",
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
