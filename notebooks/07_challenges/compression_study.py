"""A small GPT in a third and a fifth of its bytes: rounding, pruning, low rank, smaller models.

    make study NAME=07_challenges/compression

One thread, about six minutes. Every model of a table has learnt for 1,000 steps in all: a smaller
model in one run; the large one in 800 and then 200 more, in which it is as it was (the control),
pruned, of low rank, or rounded. What is compressed without further training is the control.
Rates and temperatures are chosen on the validation plays with a seed that is not reported.
"""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.models.compression import (
    gptq,
    keep_largest,
    low_rank,
    moments,
    round_to_nearest,
    sparse_bytes,
    stored_bytes,
)
from largemodels.models.presets import preset
from largemodels.objectives.distillation import soft_distillation

CONTEXT, BATCH = 64, 8
FIRST, FURTHER = 800, 200  # steps
# Widths. The smaller two take with 8 bits about what the large one takes with 4 and with 2.
LARGE, MEDIUM, SMALL = 32, 24, 16
RATES = (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
TRIED = 100  # the seed of the trials
SHRINKS = tuple(it / 20 for it in range(20, 5, -1))
GROUP = 32


@cache
def text() -> tuple[int, dict[str, Tensor]]:
    """Number of characters, and the parts as tokens; of each held-out play the same length."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    held = {"train": parts["train"]}
    for part in ("validation", "test"):
        plays = getattr(corpus, part).values()
        held[part] = "".join(play[10_000:20_000] for play in plays)
    return tokenizer.vocab_size, {it: tokenizer.encode(held[it]) for it in held}


def fresh(width: int) -> lm.GPT:
    """A GPT of two layers that has learnt nothing."""
    sizes = dict(vocab_size=text()[0], n_layer=2, n_head=2, d_model=width)
    return lm.GPT(preset("modern", context_length=CONTEXT, **sizes))


def taught(
    model: nn.Module, steps: int, rate: float, seed: int, teacher: nn.Module | None = None,
    temperature: float = 1.0,
) -> None:  # fmt: skip
    """Train on text, or half on text and half on a teacher's answers to it."""

    def loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = teacher(inputs).flatten(0, 1)
        return soft_distillation(
            model(inputs).flatten(0, 1), wanted, targets.flatten(),
            weight=0.5, temperature=temperature,
        )  # fmt: skip

    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 20, evaluate_every=steps
    )
    windows = lm.batches(text()[1]["train"], BATCH, CONTEXT, seed)
    model.train()
    lm.train(model, windows, recipe, loss=loss if teacher else None)
    model.eval()


def nats(model: nn.Module, part: str) -> float:
    """Loss on a held-out part."""
    return lm.evaluate(model, text()[1][part], CONTEXT, overlap=CONTEXT // 2)


def inside(name: str) -> bool:
    """Whether a layer is one of the matrices of the blocks."""
    return name.startswith("blocks.")


def matrices(model: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of the blocks by name."""
    return {
        it: layer
        for it, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and inside(it)
    }


@torch.no_grad()
def edges(model: lm.GPT, bits: int) -> float:
    """Round the embedding and the head, one grid a row; their bytes, with those of the gains."""
    for it in (model.token_embedding, model.head):
        it.weight.copy_(round_to_nearest(it.weight, bits))
    shape = model.head.weight.shape
    gains = sum(it.numel() for it in model.parameters() if it.ndim == 1)
    return 2 * stored_bytes(shape, bits) + 2 * gains


@torch.no_grad()
def rounded(
    model: lm.GPT, bits: int, group: int | None = GROUP, how: str = "nearest"
) -> float:
    """Round a model in place, its edges to 4 bits or more; returns its bytes."""
    size, read = edges(model, max(bits, 4)), {}
    if how == "GPTQ":
        train = text()[1]["train"][: 256 * CONTEXT].view(256, CONTEXT)
        read = moments(model, [train], inside)
    for it, layer in matrices(model).items():
        weight = layer.weight
        if how == "GPTQ":
            weight.copy_(gptq(weight, read[it], bits, group, shrinks=SHRINKS))
        elif how == "one grid a matrix":
            flat = round_to_nearest(weight.reshape(1, -1), bits, None, SHRINKS)
            weight.copy_(flat.view_as(weight))
        else:
            weight.copy_(round_to_nearest(weight, bits, group, SHRINKS))
        size += (
            stored_bytes((1, weight.numel()), bits)
            if how == "one grid a matrix"
            else stored_bytes(weight.shape, bits, group)
        )
    return size


class Rounding(nn.Module):
    """A weight is rounded on the way forward; the gradient passes as if it had not been."""

    def __init__(self, bits: int, shrink: float) -> None:
        super().__init__()
        self.bits, self.shrink = bits, shrink

    def forward(self, weight: Tensor) -> Tensor:
        """``(rows, cols)`` to the same shape."""
        near = round_to_nearest(weight, self.bits, GROUP, (self.shrink,))
        return weight + (near - weight).detach()


class Masked(nn.Module):
    """A weight of which only some numbers are left."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        """``(rows, cols)`` to the same shape."""
        return weight * self.mask


def share_kept(shape: torch.Size, bits: int) -> float:
    """Share of the numbers that a pruned matrix of 8 bits may keep in the bytes of ``bits``."""
    return (stored_bytes(shape, bits, GROUP) - sparse_bytes(shape, 0, 8)) / shape.numel()


def rank_kept(shape: torch.Size, bits: int) -> int:
    """Rank of two factors of 8 bits in the bytes of ``bits``."""
    rows, cols = shape
    allowed = stored_bytes(shape, bits, GROUP) - 3 * rows
    return int(allowed / (rows + cols + 3))


def cut(model: lm.GPT, way: str, bits: int) -> None:
    """Prune, factor or round all matrices of the blocks in place, so that they can learn on."""
    weighed = way == "low rank, of the outputs"
    if weighed:
        train = text()[1]["train"][: 256 * CONTEXT].view(256, CONTEXT)
        read = moments(model, [train], inside)
    for it, layer in matrices(model).items():
        if way == "pruned":
            mask = keep_largest(layer.weight, share_kept(layer.weight.shape, bits))
            parametrize.register_parametrization(layer, "weight", Masked(mask))
        elif way == "rounded":
            parametrize.register_parametrization(layer, "weight", Rounding(bits, 0.7))
        else:
            rank = rank_kept(layer.weight.shape, bits)
            first, second = low_rank(layer.weight, rank, read[it] if weighed else None)
            parts = nn.Sequential(
                nn.Linear(second.shape[1], rank, bias=False),
                nn.Linear(rank, len(first), bias=False),
            )
            with torch.no_grad():
                parts[0].weight.copy_(second)
                parts[1].weight.copy_(first)
            parent, _, last = it.rpartition(".")
            setattr(model.get_submodule(parent), last, parts)


def packed(model: lm.GPT, way: str, bits: int) -> float:
    """What :func:`cut` has made, with 8 bits a number where it is not rounded; its bytes."""
    size = edges(model, max(bits, 4))
    for layer in matrices(model).values():
        if way in ("pruned", "rounded"):
            parametrize.remove_parametrizations(layer, "weight")
        with torch.no_grad():
            weight = layer.weight
            if way == "rounded":
                size += stored_bytes(weight.shape, bits, GROUP)
                continue
            weight.copy_(round_to_nearest(weight, 8))
            if way == "pruned":
                size += sparse_bytes(weight.shape, share_kept(weight.shape, bits), 8)
            else:
                size += stored_bytes(weight.shape, 8)
    return size


@cache
def large(seed: int, rate: float) -> lm.GPT:
    """The large model after its first steps."""
    torch.manual_seed(seed)
    model = fresh(LARGE)
    taught(model, FIRST, rate, seed)
    return model


@cache
def control(seed: int, rate: float, further: float) -> lm.GPT:
    """The large model after all steps."""
    model = copy.deepcopy(large(seed, rate))
    taught(model, FURTHER, further, 1_000 + seed)
    return model


@cache
def smaller(width: int, seed: int, rate: float) -> lm.GPT:
    """A smaller model that has learnt from the text as long."""
    torch.manual_seed(seed)
    model = fresh(width)
    taught(model, FIRST + FURTHER, rate, seed)
    return model


def measured(model: nn.Module, size: float, test: bool = True) -> dict[str, Any]:
    """Bytes, and the loss on the test or the validation plays."""
    part = "test" if test else "validation"
    return {"bytes": size, part: nats(model, part)}


def whole(model: nn.Module) -> float:
    """Bytes in half precision."""
    return 2 * sum(it.numel() for it in model.parameters())


def trial(width: int, rate: float) -> dict[str, Any]:
    """One learning rate of a model of this width."""
    model = large(TRIED, rate) if width == LARGE else smaller(width, TRIED, rate)
    return measured(model, whole(model), test=False)


def trial_further(way: str, bits: int, further: float, rate: float) -> dict[str, Any]:
    """One learning rate of the further steps."""
    model = copy.deepcopy(large(TRIED, rate))
    if way != "as it was":
        cut(model, way, bits)
    taught(model, FURTHER, further, 1_000 + TRIED)
    size = packed(model, way, bits) if way != "as it was" else whole(model)
    return measured(model, size, test=False)


def trial_student(temperature: float, rate: float, rates: list[float]) -> dict[str, Any]:
    """One temperature, or one learning rate, of the smallest model with a teacher."""
    torch.manual_seed(TRIED)
    model = fresh(SMALL)
    taught(model, FIRST + FURTHER, rate, TRIED, control(TRIED, *rates), temperature)
    return measured(model, whole(model), test=False)


def unchanged(seed: int, rates: list[float]) -> dict[str, Any]:
    """The control."""
    model = control(seed, *rates)
    if seed == 0:
        study.keep("large", model, model.config)
    return measured(model, whole(model))


def post(seed: int, how: str, bits: int, rates: list[float]) -> dict[str, Any]:
    """The control, rounded."""
    model = copy.deepcopy(control(seed, *rates))
    return measured(model, rounded(model, bits, how=how))


def cut_only(seed: int, way: str, bits: int, rates: list[float]) -> dict[str, Any]:
    """The control, cut without further steps."""
    model = copy.deepcopy(control(seed, *rates))
    cut(model, way, bits)
    return measured(model, packed(model, way, bits))


def cut_and_taught(
    seed: int, way: str, bits: int, rate: float, further: float
) -> dict[str, Any]:
    """The large model, cut, with the further steps after that."""
    model = copy.deepcopy(large(seed, rate))
    cut(model, way, bits)
    taught(model, FURTHER, further, 1_000 + seed)
    return measured(model, packed(model, way, bits))


def rival(seed: int, width: int, bits: int, rate: float) -> dict[str, Any]:
    """A smaller model, rounded to 8 or 4 bits by the nearest."""
    model = copy.deepcopy(smaller(width, seed, rate))
    return measured(model, rounded(model, bits, GROUP if bits < 8 else None))


def student(
    seed: int, width: int, rate: float, temperature: float, rates: list[float]
) -> dict[str, Any]:
    """A smaller model that learns as long from the control's answers and the text."""
    torch.manual_seed(seed)
    model = fresh(width)
    taught(model, FIRST + FURTHER, rate, seed, control(seed, *rates), temperature)
    if seed == 0 and width == SMALL:
        study.keep("student", model, model.config)
    return measured(model, rounded(model, 8, None))


WAYS = ("pruned", "low rank", "rounded")

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/compression")

    def valid(compute: Any, name: str, value: float, **key: Any) -> float:
        """The loss by which a value is chosen."""
        return study.row(compute, **key, **{name: value})["validation"]

    rate = {
        width: best_inside(RATES, (0.01, 0.02), partial(valid, trial, "rate", width=width))
        for width in (LARGE, MEDIUM, SMALL)
    }
    further = {
        way: best_inside(
            RATES, (0.005, 0.01),
            partial(valid, trial_further, "further", way=way, bits=2, rate=rate[LARGE]),
        )
        for way in ("as it was", *WAYS)
    }  # fmt: skip
    rates = [rate[LARGE], further["as it was"]]
    heat = best_inside(
        (0.5, 1.0, 2.0, 4.0, 8.0), (1.0, 2.0),
        partial(valid, trial_student, "temperature", rate=rate[SMALL], rates=rates),
    )  # fmt: skip
    for seed in range(3):
        study.row(unchanged, seed=seed, rates=rates)
        for bits in (8, 4, 3, 2):
            for how in ("one grid a matrix", "nearest", "GPTQ"):
                study.row(post, seed=seed, how=how, bits=bits, rates=rates)
        for bits in (4, 2):
            for way in ("pruned", "low rank", "low rank, of the outputs"):
                study.row(cut_only, seed=seed, way=way, bits=bits, rates=rates)
        for way, bits in (("pruned", 4), ("pruned", 2), ("low rank", 2), ("rounded", 2)):
            key = dict(way=way, bits=bits, rate=rate[LARGE], further=further[way])
            study.row(cut_and_taught, seed=seed, **key)
        for width, bits in ((MEDIUM, 8), (SMALL, 8), (MEDIUM, 4)):
            study.row(rival, seed=seed, width=width, bits=bits, rate=rate[width])
        study.row(
            student, seed=seed, width=SMALL, rate=rate[SMALL], temperature=heat, rates=rates
        )
    study.save()
