from __future__ import annotations

import functools
import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from largemodels.data.batches import batches
from largemodels.models.formats import FORMAT
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.training import checkpoints
from largemodels.training.checkpoints import CheckpointError, load_record, load_weights
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train
from largemodels.training.parallel import Team

TOKENS = torch.tensor([0, 1, 2, 3, 4, 5, 6] * 40)
SETTINGS = {"steps": 23, "save_every": 5, "evaluate_every": 4, "warmup_steps": 3, "accumulate": 2}


def model(**changes) -> GPT:
    torch.manual_seed(0)
    sizes = {"vocab_size": 7, "context_length": 8, "n_layer": 2, "n_head": 2, "d_model": 16, "dropout": 0.2}
    return GPT(GPTConfig(**(sizes | changes)))


def noisy(start: int, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches that also draw from each global source of random numbers, as augmentation does."""
    for number, (inputs, targets) in enumerate(batches(TOKENS, 3, 8, seed=0, start=start), start):
        if number == stop:
            raise RuntimeError("The power fails.")
        shift = torch.randint(7, ()).item() + random.randrange(7) + np.random.randint(7)
        yield (inputs + shift) % 7, (targets + shift) % 7


def run(folder: Path | None, gpt: nn.Module, stop: int | None = None, **changes) -> pd.DataFrame:
    random.seed(0)
    np.random.seed(0)
    return train(
        gpt,
        functools.partial(noisy, stop=stop),
        TrainingConfig(**(SETTINGS | changes)),
        lambda: {"sample": f"{torch.rand(()):.3f}", "least": np.float32(gpt.head_bias())},
        checkpoint=folder,
    )


def _head_bias(self: GPT) -> float:
    return self.final_norm.bias.min().item()


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sums over several threads differ in their last bits."""
    monkeypatch.setattr(GPT, "head_bias", _head_bias, raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    run(tmp_path / "run", model())
    return tmp_path / "run"


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_interrupted_training_ends_with_the_same_bits(
    optimizer: str, precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"optimizer": optimizer, "precision": precision}
    undisturbed = model()
    expected = run(None, undisturbed, **settings)
    with pytest.raises(RuntimeError, match="power"):
        run(tmp_path, model(), stop=2 * 13 + 1, **settings)  # in the middle of an update
    torch.rand(5)  # whatever the process has drawn since
    resumed = model(zero_init=False)
    nn.init.zeros_(resumed.blocks[0].mlp.expand.weight)
    history = run(tmp_path, resumed, **settings)
    assert f"Going on after step 10, from {tmp_path / 'step-00000010'}." in capsys.readouterr().err
    for name, value in undisturbed.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    pd.testing.assert_frame_equal(
        pd.DataFrame(expected).drop(columns="seconds"),
        pd.DataFrame(history).drop(columns="seconds"),
        check_dtype=False,
    )
    assert history.seconds.is_monotonic_increasing


def test_how_often_it_is_evaluated_and_saved_may_change(finished: Path, tmp_path: Path) -> None:
    expected, resumed = model(), model()
    run(None, expected)
    shutil.rmtree(finished / "step-00000023")
    history = run(finished, resumed, evaluate_every=7, save_every=1)
    assert list(history.step) == [0, 4, 8, 12, 16, 20, 21, 23]
    for ours, theirs in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_finished_run_is_not_trained_again(finished: Path) -> None:
    again = model()
    history = run(finished, again, stop=2 * 23)
    assert list(history.step) == [0, 4, 8, 12, 16, 20, 23]
    assert torch.equal(
        again.token_embedding.weight,
        load_file(finished / "step-00000023" / checkpoints.WEIGHTS)["token_embedding.weight"],
    )


def test_a_run_that_stopped_early_is_not_trained_again(tmp_path: Path) -> None:
    for stop in (None, 0):
        config = TrainingConfig(steps=50, evaluate_every=2, patience=2, watch="error", save_every=50)
        source = functools.partial(noisy, stop=stop)
        history = train(model(), source, config, lambda: {"error": 1.0}, checkpoint=tmp_path)
        assert list(history.step) == [0, 2, 4]


def test_what_a_checkpoint_holds(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir() if path.name != ".lock") == [
        "step-00000020",
        "step-00000023",
    ]
    newest = finished / "step-00000023"
    assert {path.name for path in newest.iterdir()} == {
        "model.safetensors",
        "state.pt",
        "record.json",
        "SHA256SUMS",
    }
    for line in (newest / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((newest / name).read_bytes()).hexdigest() == checksum
    state = torch.load(newest / "state.pt", weights_only=True)
    assert len(state["optimizers"]) == len(state["processes"]) == 1
    record = load_record(finished)
    assert record == load_record(newest)
    config = json.loads(json.dumps(vars(model().config)))
    assert record["model"] == {"class": "GPT", "config": config, "format": FORMAT}
    assert record["training"]["accumulate"] == 2
    assert record["progress"]["step"] == 23


def test_weights_can_be_loaded_for_use(finished: Path) -> None:
    trained, loaded = model(), model()
    run(finished, trained)
    load_weights(loaded, finished)
    older = model()
    load_weights(older, finished / "step-00000020")
    for name, value in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert not torch.equal(older.token_embedding.weight, trained.token_embedding.weight)


class Tied(nn.Module):
    """Plain, without a config; the last matrix is the first."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(4, width)
        self.last.weight = self.first.weight
        self.register_buffer("seen", torch.zeros(1))

    def loss(self, inputs: Tensor) -> Tensor:
        self.seen += 1
        return (self.first(inputs) - 1).square().mean() + (self.last(inputs) + 1).square().mean()


def points(start: int) -> Iterator[Tensor]:
    for number in itertools.count(start):
        yield torch.full((2, 4), number / 10)


def test_tied_weights_and_buffers(tmp_path: Path) -> None:
    trained, loaded = Tied(), Tied()
    train(trained, points, TrainingConfig(steps=4), checkpoint=tmp_path)
    load_weights(loaded, tmp_path)
    assert loaded.last.weight is loaded.first.weight
    assert loaded.seen == 4
    for ours, theirs in zip(trained.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_of_another_model_is_refused_and_nothing_loaded(finished: Path, tmp_path: Path) -> None:
    for other, message in [
        (model(n_layer=3), "n_layer = 2, but this run has 3"),
        (model(activation="relu2"), "activation = 'gelu_tanh', but this run has 'relu2'"),
        (Tied(), "holds a GPT, but the model is a Tied"),
    ]:
        before = {name: value.clone() for name, value in other.state_dict().items()}
        with pytest.raises(CheckpointError, match=message):
            load_weights(other, finished)
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
    train(Tied(), points, TrainingConfig(steps=1), checkpoint=tmp_path / "tied")
    for other, message in [
        (Tied(5), r"first.bias has shape \[3\] in .* but \[5\] in the model"),
        (Tied(), r"more.weight has shape None in .* but \[2, 1\] in the model"),
    ]:
        if "more" in message:
            other.more = nn.Linear(1, 2)
        with pytest.raises(CheckpointError, match=message):
            train(other, points, TrainingConfig(steps=1), checkpoint=tmp_path / "tied")


def test_a_field_that_is_new_since_must_have_its_default(tmp_path: Path) -> None:
    @dataclass
    class Old:
        width: int = 3

    @dataclass
    class New(Old):
        bias: bool = True

    saved = Tied()
    saved.config = Old()
    train(saved, points, TrainingConfig(steps=1), checkpoint=tmp_path)
    current = Tied()
    current.config = New()
    load_weights(current, tmp_path)
    current.config = New(bias=False)
    with pytest.raises(CheckpointError, match="bias = True, but this run has False"):
        load_weights(current, tmp_path)


def test_batches_must_be_able_to_begin_anywhere(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pass a function of the number of the\s+first"):
        train(model(), batches(TOKENS, 3, 8, 0), TrainingConfig(steps=1), checkpoint=tmp_path)


def test_there_is_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint in"):
        load_weights(model(), tmp_path)


def test_processes_that_see_different_checkpoints(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where each machine of several has a disk of its own."""
    monkeypatch.setattr(Team, "all_max", lambda self, *numbers: tuple(number + 5 for number in numbers))
    with pytest.raises(CheckpointError, match="must be on a shared disk"):
        run(finished, model())
