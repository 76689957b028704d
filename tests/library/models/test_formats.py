"""Runs of earlier versions go on loading, with the same weights in the same meaning."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from largemodels.models.formats import FORMAT, present_description, present_name
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.training.checkpoints import CheckpointError, load_record, load_weights
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train

SIZES: dict[str, Any] = dict(vocab_size=7, context_length=6, n_layer=2, n_head=2, d_model=8)


def windows(start: int) -> Any:
    while True:
        tokens = torch.randint(7, (2, 7))
        yield tokens[:, :-1], tokens[:, 1:]


def as_before(folder: Path, **changes: Any) -> None:
    """Rewrite a checkpoint as format 1 had it."""
    record = json.loads((folder / "record.json").read_text())
    del record["model"]["format"]
    config = record["model"]["config"]
    config["activation"] = config["activation"].removesuffix("_tanh")
    config.update({"rope_pairs": "halves", **changes})
    (folder / "record.json").write_text(json.dumps(record))
    weights = {name.replace(".mlp.", "."): w for name, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("model.safetensors", "state.pt", "record.json")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


@pytest.fixture(params=["gelu_tanh", "swiglu"])
def trained(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[GPT, Path]:
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(**SIZES, activation=request.param))
    train(gpt, windows, TrainingConfig(steps=2), checkpoint=tmp_path)
    for folder in tmp_path.glob("step-*"):
        as_before(folder)
    return gpt.eval(), tmp_path


@torch.no_grad()
def logits(gpt: GPT) -> Tensor:
    return gpt.eval()(torch.arange(6)[None])


def test_a_run_of_format_1_loads(trained: tuple[GPT, Path]) -> None:
    gpt, folder = trained
    again = GPT(GPTConfig(**load_record(folder)["model"]["config"]))
    assert again.config == gpt.config
    load_weights(again, folder)
    assert torch.equal(logits(again), logits(gpt))


def test_a_run_of_format_1_goes_on(trained: tuple[GPT, Path], capsys: pytest.CaptureFixture[str]) -> None:
    gpt, folder = trained
    again = GPT(gpt.config)
    train(again, windows, TrainingConfig(steps=2), checkpoint=folder)
    assert "Going on after step 2" in capsys.readouterr().err
    assert torch.equal(logits(again), logits(gpt))


def test_gelu_of_format_1_is_not_the_exact_one(trained: tuple[GPT, Path]) -> None:
    gpt, folder = trained
    if gpt.config.activation == "gelu_tanh":
        with pytest.raises(CheckpointError, match="activation = 'gelu_tanh', but this run has 'gelu'"):
            load_weights(GPT(GPTConfig(**SIZES, activation="gelu")), folder)


def test_what_is_no_more_is_refused_in_words(trained: tuple[GPT, Path]) -> None:
    gpt, folder = trained
    for checkpoint in folder.glob("step-*"):
        as_before_again(checkpoint, rope_pairs="interleaved")
    with pytest.raises(CheckpointError, match="interleaved rotary positions, which this version"):
        load_record(folder)
    with pytest.raises(CheckpointError, match="interleaved rotary positions, which this version"):
        load_weights(GPT(gpt.config), folder)


def as_before_again(folder: Path, **changes: Any) -> None:
    record = json.loads((folder / "record.json").read_text())
    record["model"]["format"] = 1
    (folder / "record.json").write_text(json.dumps(record))
    as_before(folder, **changes)


def test_a_record_of_this_version_stays_as_it_is() -> None:
    described = {"class": "GPT", "config": {"activation": "gelu"}, "format": FORMAT}
    assert present_description(described) == described
    assert present_name("blocks.0.expand.weight", described) == "blocks.0.expand.weight"


def test_other_models_stay_as_they_are() -> None:
    for config in ({"activation": "gelu"}, None):
        assert present_description({"class": "Own", "config": config})["config"] == config
    assert present_name("blocks.0.expand.weight", {"class": "Own"}) == "blocks.0.expand.weight"


def test_names_of_format_1() -> None:
    described = {"class": "GPT", "config": {}}
    assert present_name("blocks.10.expand.weight", described) == "blocks.10.mlp.expand.weight"
    assert present_name("blocks.1.contract.bias", described) == "blocks.1.mlp.contract.bias"
    assert present_name("blocks.1.attention.qkv.bias", described) == "blocks.1.attention.qkv.bias"


def test_a_later_format_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="saved by a newer version of largemodels: upgrade"):
        present_description({"class": "GPT", "config": {}, "format": FORMAT + 1})
