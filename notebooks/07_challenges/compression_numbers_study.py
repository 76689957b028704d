"""What rounding SmolLM2's inputs costs if six numbers of each layer's input stay as they are.

    make study NAME=07_challenges/compression_numbers

One thread, half a minute. As in the study of tokens, with one step for a batch of four articles;
here only the six columns with the largest values are kept, and only at one token of every article.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from compression_smollm2_study import before, exempt, loaded, measured
from compression_tokens_study import PLACES
from torch import Tensor, nn

from largemodels.book.studies import Study


def numbers_kept(kept: str) -> dict[str, Any]:
    """One step for a batch; six columns stay as they are at one place."""
    place = PLACES[kept]

    def rounding(columns: Tensor) -> Callable[..., tuple[Tensor]]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
            x = given[0].clone()
            there = x[:, place, columns]  # a copy, as columns are a list of places
            x[:, place, columns] = 0
            step = x.abs().amax().clamp(min=1e-8) / 127
            x = (x / step).round() * step
            x[:, place, columns] = there
            return (x,)

        return hook

    before()  # what the model says without the hooks, kept for the comparison
    model, columns = loaded()[0], exempt("largest", 0)
    hooks = [
        layer.register_forward_pre_hook(rounding(columns[name]))
        for name, layer in model.named_modules()
        if name in columns
    ]
    try:
        return measured(model)
    finally:
        for it in hooks:
            it.remove()


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_numbers")
    for kept in PLACES:
        study.row(numbers_kept, kept=kept)
    study.save()
