from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from largemodels.data.batches import batches
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.training import loop
from largemodels.training.checkpoints import SettingsError
from largemodels.training.config import TrainingConfig
from largemodels.training.length import changed_length, length_note
from largemodels.training.loop import schedule, train

TOKENS = torch.tensor([0, 1, 2, 3, 4, 5, 6] * 40)
SHORT = TrainingConfig(steps=7, warmup_steps=2, evaluate_every=3)
LONG = TrainingConfig(steps=16, warmup_steps=5, evaluate_every=3)


def trained(folder: Path | None, config: TrainingConfig) -> tuple[GPT, list[int]]:
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=7, context_length=8, n_layer=2, n_head=2, d_model=16, dropout=0.1))
    source = functools.partial(batches, TOKENS, 3, 8, 0)
    torch.manual_seed(1)
    history = train(model, source if folder else source(), config, checkpoint=folder)
    return model, list(history.step)


def test_a_longer_run_is_one_whose_schedule_changed_on_the_way(tmp_path: Path, monkeypatch) -> None:
    """Bit for bit, with dropout: the steps done keep their learning rate, the others have that of the new length."""
    trained(tmp_path, SHORT)
    longer, rows = trained(tmp_path, LONG)
    assert rows == [0, 3, 6, 7, 9, 12, 15, 16]
    monkeypatch.setattr(
        loop,
        "schedule",
        lambda step, config, seconds=0.0: schedule(step, SHORT if step < 7 else LONG, seconds),
    )
    at_once, _ = trained(None, LONG)
    monkeypatch.undo()
    from_the_start, _ = trained(None, LONG)
    for ours, same, other in zip(*(m.parameters() for m in (longer, at_once, from_the_start)), strict=True):
        assert torch.equal(ours, same)
        assert not torch.equal(ours, other)


def test_a_run_is_interrupted_and_made_longer_and_resumed(tmp_path: Path) -> None:
    """The second time its length has not changed: the warm-up may not either."""
    trained(tmp_path, SHORT)
    first, _ = trained(tmp_path, LONG)
    again, _ = trained(tmp_path, LONG)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    with pytest.raises(SettingsError, match="warmup_steps = 5, but this run has 2"):
        trained(tmp_path, TrainingConfig(steps=16, warmup_steps=2, evaluate_every=3))


@pytest.mark.parametrize(
    ("steps", "seconds", "said"),
    [
        (1000, None, "now 1,000 steps, not 60 seconds"),
        (None, 90.0, "now 90 seconds, not 60 seconds"),
        (700, 60.5, "now 700 steps or 60.5 seconds, not 60 seconds"),
        (None, 60, ""),
    ],
)
def test_what_may_change_with_the_length(steps: int | None, seconds: float | None, said: str) -> None:
    saved = {"steps": None, "seconds": 60.0}
    config = TrainingConfig(steps=steps, seconds=seconds)
    free = changed_length(saved, config, {"step": 700, "seconds": 60.25}, Path("run"))
    assert free == (("steps", "seconds", "warmup_steps") if said else ())
    assert said in length_note(saved, config)
    assert bool(length_note(saved, config)) == bool(said)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ({"steps": 1000}, "run has 1,500 steps of training already, more than 1,000"),
        ({"seconds": 30}, "60.25 seconds"),
    ],
)
def test_a_longer_run_is_not_a_shorter_one(length: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        changed_length(
            {"seconds": 60.0, "steps": None},
            TrainingConfig(**length),
            {"step": 1500, "seconds": 60.25},
            Path("run"),
        )


@pytest.mark.parametrize("name", ["seconds", "learning_rate", "matrix_learning_rate", "clip_norm"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_numbers_that_make_no_training(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive and finite, not {value}"):
        TrainingConfig(**({"steps": 5} | {name: value}))
    with pytest.raises(ValueError, match="weight_decay must be finite"):
        TrainingConfig(steps=5, weight_decay=float("nan"))
