"""What holds for every function that yields batches."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

import largemodels.data
from largemodels.data.answers import Sequences
from largemodels.data.batches import shuffled
from largemodels.data.speech import Prompt

ROWS = torch.arange(10)
WORDS = ("one", "two", "three", "four", "five")
SAID = [Prompt(it, it, it, it, torch.sin(torch.arange(4_000.0 + 900 * i))) for i, it in enumerate(WORDS)]
ANSWERS = Sequences(
    *(torch.arange(21).reshape(7, 3) % it for it in (5, 4, 2)), torch.ones(7, 3, dtype=torch.bool)
)
# Arguments to try each with; a new one needs a line here.
EXAMPLES: dict[str, Callable[..., Iterator[Any]]] = {
    "answers.answer_batches": lambda f, **more: f(ANSWERS, 2, seed=7, **more),
    "batches.batches": lambda f, **more: f(torch.arange(50), batch_size=3, context_length=4, seed=7, **more),
    "batches.shuffled": lambda f, **more: f(ROWS, ROWS + 100, batch_size=4, seed=7, **more),
    "chains.chain_batches": lambda f, **more: f(5, 6, 0.3, batch_size=4, seed=7, **more),
    "copying.copy_batches": lambda f, **more: f(5, 2, 3, batch_size=4, seed=7, **more),
    "films.stretches": lambda f, **more: f(
        [ROWS, ROWS[:3], ROWS[4:]], 4, 2, padding=99, by_length=True, seed=7, **more
    ),
    "sounds.windows": lambda f, **more: f([it.sound for it in SAID], 2, 50, seed=7, **more),
    "speech.speech_batches": lambda f, **more: f(SAID, seed=7, n_frames=150, **more),
}


def samplers() -> dict[str, Callable[..., Iterator[Any]]]:
    """All public functions in ``data`` that are annotated to yield tensors."""
    found = {}
    for entry in pkgutil.iter_modules(largemodels.data.__path__):
        if entry.name.startswith("_"):
            continue
        module = importlib.import_module(f"largemodels.data.{entry.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            returned = str(inspect.signature(function).return_annotation)
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and returned.startswith("Iterator") and "Tensor" in returned:
                found[f"{entry.name}.{name}"] = function
    return found


def test_every_sampler_has_an_example() -> None:
    assert set(samplers()) == set(EXAMPLES)


def tensors(batch: Any) -> list[Tensor]:
    """Those of a batch, which may have names."""
    return list(batch.values() if isinstance(batch, dict) else batch)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("start", [0, 1, 2, 3, 8])  # shuffled: within, at the end of and beyond an epoch
def test_start_is_as_good_as_skipping(name: str, start: int) -> None:
    sampler, example = samplers()[name], EXAMPLES[name]
    skipped = list(islice(example(sampler), start, start + 5))
    started = list(islice(example(sampler, start=start), 5))
    assert all(
        torch.equal(a, b)
        for one, other in zip(skipped, started, strict=True)
        for a, b in zip(tensors(one), tensors(other), strict=True)
    )
    assert not all(torch.equal(a, b) for a, b in zip(tensors(started[0]), tensors(started[1]), strict=True))


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no rows"):
        next(shuffled(torch.empty(0, 3), batch_size=2, seed=0))


def test_the_order_of_shuffled_is_pinned() -> None:
    """Stored results depend on it."""
    drawn: list[Tensor] = [rows for (rows,) in islice(shuffled(ROWS, batch_size=4, seed=3), 3)]
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(torch.cat(drawn), torch.randperm(10, generator=generator))
