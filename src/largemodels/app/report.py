"""What ``largemodels train`` prints at its end."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..data.tokens import read_tokens
from ..text.tokenizers import Tokenizer
from ..text.writing import complete
from .console import quoted
from .preparing import HELD_OUT
from .runs import load_run


def report(folder: Path, last: dict[str, Any]) -> None:
    """Print the result of a training run, and what to do next."""
    model, tokenizer = load_run(folder)
    generator = torch.Generator().manual_seed(0)
    (sample,) = complete(model, tokenizer, ["\n"], 300, temperature=0.8, generator=generator)
    unit = "character" if tokenizer.name == "characters" else "token"
    print(
        f"{int(last['step']):,} steps in {last['seconds']:,.0f} s, {model.n_parameters():,} parameters.\n"
        f"Validation loss: {last['validation_loss']:.3f} nats per {unit} (natural logarithms; 0 would be certainty); "
        f"guessing costs {math.log(tokenizer.vocab_size):.3f}.\n"
        f"A sample:\n\n{sample.strip()}\n\nNext:\n"
        f"  largemodels generate {_prompt(folder, tokenizer)}--model {quoted(folder)}\n"
        f"  largemodels info {quoted(folder)}"
    )


def _prompt(folder: Path, tokenizer: Tokenizer) -> str:
    """A prompt that a run's model can read, quoted, with a blank after it; else nothing."""
    words = tokenizer.decode(read_tokens(folder / HELD_OUT, tokenizer)[:1000].tolist()).split()
    for prompt in ["The king", *(word[:20] for word in words if word.isalnum())]:
        with suppress(ValueError):
            tokenizer.encode(prompt)
            return f'"{prompt}" '
    return ""
