"""That weights are right is tested in tests/parity."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from largemodels.pretrained.gpt import gpt_from_transformers


def test_transformers_is_imported_when_it_is_needed() -> None:
    program = "import sys, largemodels.pretrained.smollm2; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_model_that_is_nowhere_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"is not a folder with a model.*load_smollm2\(\)"):
        gpt_from_transformers(tmp_path)

    def unreachable(name: str, **_: object) -> None:
        raise OSError("We couldn't connect,\nand so on")

    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", unreachable)
    with pytest.raises(FileNotFoundError, match="'gpt2' is not a folder"):
        gpt_from_transformers("gpt2")


def small() -> LlamaForCausalLM:
    sizes: dict[str, Any] = dict(
        hidden_size=8, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2
    )
    return LlamaForCausalLM(LlamaConfig(vocab_size=7, **sizes))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 0},
        {"num_attention_heads": 3},
        {"hidden_size": "eight"},
        {"hidden_size": 16},
        {"model_type": "spells"},
        {"hidden_act": "magic"},
        {"rope_parameters": {"rope_type": "spells"}},
        {"vocab_size": -1},
    ],
    ids=str,
)
def test_a_damaged_or_foreign_configuration_is_said_in_one_line(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    small().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ValueError, match=r"cannot be loaded|needs") as caught:
        gpt_from_transformers(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    del weights["model.norm.weight"], weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match=r"lacks 2 weights, the first is model\.layers\.0\.mlp\.up_proj\.weight"
    ):
        gpt_from_transformers(tmp_path)


def test_replaced_layers_are_refused_and_the_advice_works() -> None:
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(small(), peft.LoraConfig(target_modules=["q_proj"]))
    with pytest.raises(ValueError, match=r"merge them first: model\.merge_and_unload\(\)"):
        gpt_from_transformers(adapted)
    assert gpt_from_transformers(adapted.merge_and_unload()).config.d_model == 8
