"""Which tokens carry SmolLM2's largest inputs, and what rounding costs if one of them is left out.

    make study NAME=07_challenges/compression_tokens

One thread, twenty seconds. As in the study of SmolLM2, the inputs of all matrices are rounded
to 255 levels with one step for a batch of four articles; here one place of every article keeps its
inputs as they are: the first token, or another one.
"""

from __future__ import annotations

from typing import Any

import torch
from compression_smollm2_study import (
    N_READ,
    before,
    documents,
    inside,
    loaded,
    measured,
)
from torch import Tensor, nn

from largemodels.book.studies import Study

PLACES = {"first token": 0, "another token": 10}
LAYER = "blocks.11.mlp.contract"  # whose input is the most uneven


def place_kept(kept: str) -> dict[str, Any]:
    """One step for a batch; the inputs of one place stay as they are."""
    place = PLACES[kept]

    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        x = given[0].clone()
        there = x[:, place].clone()
        x[:, place] = 0
        step = x.abs().amax().clamp(min=1e-8) / 127
        x = (x / step).round() * step
        x[:, place] = there
        return (x,)

    before()  # what the model says without the hooks, kept for the comparison
    model = loaded()[0]
    layers = (it for name, it in model.named_modules() if inside(name))
    hooks = [
        it.register_forward_pre_hook(hook) for it in layers if isinstance(it, nn.Linear)
    ]
    try:
        return measured(model)
    finally:
        for it in hooks:
            it.remove()


def sizes(layer: str) -> dict[str, Any]:
    """Largest magnitude in the first place, and in all others, on the training articles."""
    found = []

    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        found.append(given[0].abs().amax(dim=2))

    handle = loaded()[0].get_submodule(layer).register_forward_pre_hook(hook)
    with torch.no_grad():
        for some in documents("train", N_READ)[:, :-1].split(4):
            loaded()[0](some)
    handle.remove()
    tops = torch.cat(found)
    return {"first": float(tops[:, 0].max()), "others": float(tops[:, 1:].max())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_tokens")
    study.row(sizes, layer=LAYER)
    for kept in PLACES:
        study.row(place_kept, kept=kept)
    study.save()
