"""SmolLM2 with fewer bits: rounded weights, and inputs of layers rounded to 8 bits.

    make study NAME=07_challenges/compression_smollm2

One thread, about three minutes. The weights come rounded to 4 bits by groups of 32, so every row
measures what is lost on top of that. The texts are openings of articles that no choice used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.compression import round_to_nearest

LENGTH = 96  # tokens that are scored in a document
N_DOCUMENTS, N_READ = 16, 24  # tested, and read to find large columns
GROUP = 64
SHRINKS = (1.0, 0.9, 0.8, 0.7)
KEPT = 6  # columns of a layer's input that stay as they are


@cache
def loaded() -> tuple[lm.GPT, Any]:
    """The model as packaged, and its tokenizer."""
    return lm.load_smollm2()


@cache
def documents(part: str, n: int) -> Tensor:
    """Tokens of openings of articles, ``(n, LENGTH + 1)``."""
    encode = loaded()[1].encode
    long = (encode(it)[: LENGTH + 1] for it in getattr(lm.wikipedia(), part).values())
    found = []
    for tokens in long:
        if len(tokens) == LENGTH + 1:
            found.append(tokens)
        if len(found) == n:
            break
    return torch.stack(found)


@cache
def n_bytes() -> list[int]:
    """Bytes of what is scored of each document."""
    decode = loaded()[1].decode
    return [len(decode(it[1:]).encode()) for it in documents("test", N_DOCUMENTS)]


def inside(name: str) -> bool:
    """Whether a layer is one of the matrices of the blocks."""
    return name.startswith("blocks.")


@torch.no_grad()
def answers(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Loss in bits, and likeliest token, of each place: ``(n, LENGTH)`` both."""
    losses, best = [], []
    for some in documents("test", N_DOCUMENTS).split(4):
        logits = model(some[:, :-1])
        flat = nn.functional.cross_entropy(
            logits.flatten(0, 1), some[:, 1:].flatten(), reduction="none"
        )
        losses.append(flat.view(len(some), -1) / torch.log(torch.tensor(2.0)))
        best.append(logits.argmax(dim=2))
    return torch.cat(losses), torch.cat(best)


@cache
def before() -> Tensor:
    """The likeliest tokens of the model as packaged."""
    return answers(loaded()[0])[1]


def measured(model: nn.Module) -> dict[str, Any]:
    """Bits a byte of each document; tokens named rightly; named as before; gained and lost."""
    loss, best = answers(model)
    right = best == documents("test", N_DOCUMENTS)[:, 1:]
    was = before() == documents("test", N_DOCUMENTS)[:, 1:]
    return {
        "bits_a_byte": [
            float(it) / n for it, n in zip(loss.sum(1), n_bytes(), strict=True)
        ],
        "right": int(right.sum()),
        "same": int((best == before()).sum()),
        "lost": int((was & ~right).sum()),
        "gained": int((right & ~was).sum()),
    }


@torch.no_grad()
def with_fewer_bits(bits: int, group: int | None) -> lm.GPT:
    """A copy with rounded matrices in its blocks."""
    model = copy.deepcopy(loaded()[0])
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and inside(name):
            layer.weight.copy_(round_to_nearest(layer.weight, bits, group, SHRINKS))
    return model


def as_packaged() -> dict[str, Any]:
    """The model as it comes."""
    return measured(loaded()[0])


def fewer_bits(bits: int, grid: str) -> dict[str, Any]:
    """The model with its matrices rounded."""
    return measured(with_fewer_bits(bits, GROUP if grid == "groups" else None))


@cache
def largest() -> dict[str, Tensor]:
    """Largest magnitude in each column of each layer's input, on articles of the training part."""
    found: dict[str, Tensor] = {}
    hooks = []
    for name, layer in loaded()[0].named_modules():
        if isinstance(layer, nn.Linear) and inside(name):

            def hook(_: nn.Module, given: tuple[Tensor, ...], name: str = name) -> None:
                top = given[0].abs().flatten(0, -2).amax(dim=0)
                found[name] = torch.maximum(found.get(name, top), top)

            hooks.append(layer.register_forward_pre_hook(hook))
    with torch.no_grad():
        for some in documents("train", N_READ)[:, :-1].split(4):
            loaded()[0](some)
    for it in hooks:
        it.remove()
    return found


def exempt(which: str, seed: int) -> dict[str, Tensor]:
    """Columns of each layer's input that are not rounded."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, top in largest().items():
        if which == "largest":
            found[name] = top.topk(KEPT).indices
        elif which == "random":
            found[name] = torch.randperm(len(top), generator=generator)[:KEPT]
        else:
            found[name] = torch.tensor([], dtype=torch.long)
    return found


def inputs_rounded(scale: str, kept: str, seed: int) -> dict[str, Any]:
    """Inputs of the matrices rounded to 255 levels, one step for a batch or for each token."""

    def rounding(columns: Tensor) -> Callable[..., tuple[Tensor]]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
            x = given[0].clone()
            there = x[..., columns]
            x[..., columns] = 0
            top = x.abs().amax() if scale == "batch" else x.abs().amax(dim=-1, keepdim=True)
            step = top.clamp(min=1e-8) / 127
            x = (x / step).round() * step
            x[..., columns] = there
            return (x,)

        return hook

    model, columns = loaded()[0], exempt(kept, seed)
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


def outliers(layer: str) -> dict[str, Any]:
    """Largest magnitudes of the columns that a layer reads, ordered; the first three columns."""
    top = largest()[layer]
    order = top.argsort(descending=True)
    return {"magnitudes": [float(it) for it in top[order]], "first": order[:3].tolist()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression_smollm2")
    study.row(as_packaged)
    for bits in (8, 4, 3, 2):
        study.row(fewer_bits, bits=bits, grid="groups")
    study.row(fewer_bits, bits=4, grid="rows")
    study.row(inputs_rounded, scale="token", kept="none", seed=0)
    study.row(inputs_rounded, scale="batch", kept="none", seed=0)
    study.row(inputs_rounded, scale="batch", kept="largest", seed=0)
    for seed in range(2):
        study.row(inputs_rounded, scale="batch", kept="random", seed=seed)
    ratio = {it: float(top.max() / top.median()) for it, top in largest().items()}
    study.row(outliers, layer=max(ratio, key=ratio.__getitem__))
    study.save()
