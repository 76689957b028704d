"""The quick way to one more token gives what the model gives, whichever choices it is made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.models.int8 import Int8GPT
from largemodels.text import fast as module
from largemodels.text.fast import FastGPT, supported
from largemodels.text.generation import Session, generate

CHOICES: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "without biases": {"bias": False},
    "own head": {"tied_head": False},
    "rmsnorm": {"norm": "rmsnorm"},
    "rotary": {"position": "rotary"},
    "no positions": {"position": "none"},
    "qk-norm": {"qk_norm": True},
    "shared keys": {"n_kv_head": 2},
    "shared keys, qk-norm, rotary": {"n_kv_head": 2, "qk_norm": True, "position": "rotary"},
    "one head of keys": {"n_kv_head": 1},
    "relu2": {"activation": "relu2"},
    "gelu": {"activation": "gelu"},
    "quick_gelu": {"activation": "quick_gelu"},
    "swiglu": {"activation": "swiglu", "d_hidden": 19},
}


def model(**changes: Any) -> GPT:
    torch.manual_seed(3)
    sizes = dict(vocab_size=13, context_length=11, n_layer=3, n_head=6, d_model=24)
    gpt = GPT(GPTConfig(**(sizes | changes))).eval()
    with torch.no_grad():
        for parameter in gpt.parameters():  # norms too: a forgotten weight would else not show
            parameter.normal_(std=0.4)
    return gpt


def difference(gpt: GPT, other: GPT | None = None, batch: int = 3) -> float:
    """Largest difference of any logit between a model that reads all anew and the quick way, which reads one by one."""
    tokens = torch.randint(13, (batch, 11))
    with torch.inference_mode():
        cache = gpt.new_cache(batch)
        gpt(tokens[:, :4], cache=cache)
        fast = FastGPT(gpt, cache)
        found = torch.stack([fast.step(tokens[:, place]) for place in range(4, 11)], dim=1)
        wanted = (other or gpt)(tokens)[:, 4:]
    assert found.shape == wanted.shape and cache.length == 11
    return (found.float() - wanted.float()).abs().max().item()


@pytest.mark.parametrize("large", [1, module.LARGE], ids=["as if large", "small"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CHOICES)
def test_same_logits(name: str, batch: int, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", large)
    assert difference(model(**CHOICES[name]), batch=batch) < 2e-5


@pytest.mark.parametrize("name", CHOICES)
def test_another_model_would_be_noticed(name: str) -> None:
    gpt = model(**CHOICES[name])
    for parameter in (
        "blocks.2.attention_norm.weight",
        "blocks.1.mlp.contract.weight",
        "blocks.0.attention.qkv.weight",
    ):
        other = model(**CHOICES[name])
        with torch.no_grad():
            other.get_parameter(parameter)[0] *= 2
        assert difference(gpt, other) > 1e-3, parameter


@pytest.mark.parametrize("name", ["gpt2", "shared keys, qk-norm, rotary", "swiglu"])
def test_lower_precision_stays_as_near_as_the_model_does(name: str) -> None:
    gpt = model(**CHOICES[name])
    half = model(**CHOICES[name]).bfloat16()
    assert difference(half, gpt) < 0.3  # of logits of up to 10, with weights of eight bits' precision
    eight = Int8GPT(gpt)
    assert difference(eight) < 0.1 and difference(eight, gpt) > 1e-4


def test_autocast_is_obeyed() -> None:
    gpt = model()
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert difference(gpt) < 0.1
        assert FastGPT(gpt, gpt.new_cache(1)).step(torch.tensor([1])).dtype == torch.bfloat16


def test_cache_of_lower_precision() -> None:
    gpt = model(position="rotary")
    with torch.inference_mode():
        cache = gpt.new_cache(1, dtype=torch.bfloat16)
        tokens = torch.randint(13, (1, 6))
        gpt(tokens[:, :5], cache=cache)
        logits = FastGPT(gpt, cache).step(tokens[:, 5])
        torch.testing.assert_close(logits, gpt(tokens)[:, -1], atol=0.3, rtol=0)
        assert logits.dtype == torch.float32


def test_generation_takes_it_and_reads_the_prompt_by_the_model() -> None:
    gpt, lengths = model(), []
    forward = GPT.hidden
    gpt.hidden = lambda tokens, *rest: lengths.append(tokens.shape[1]) or forward(gpt, tokens, *rest)  # type: ignore[method-assign]
    generate(gpt, torch.randint(13, (2, 4)), 9, temperature=0)
    assert lengths == [4, 11]  # the prompt, and beyond the context a whole window


def test_hooks_see_every_token() -> None:
    gpt, seen = model(), []
    gpt.blocks[1].attention.register_forward_hook(lambda *_: seen.append(1))
    assert not supported(gpt)
    prompt = torch.ones(1, 3).long()
    found, wanted = (generate(some, prompt, 5, temperature=0) for some in (gpt, model()))
    assert torch.equal(found, wanted)
    assert len(seen) == 5


def test_what_is_not_the_model_as_it_came_is_left_to_itself() -> None:
    class Other(GPT):
        pass

    class Adapter(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer, self.calls = layer, 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return 2 * self.layer(x)

    assert supported(model()) and supported(Int8GPT(model()))
    assert not supported(Other(model().config))
    adapted = model()
    adapted.blocks[0].mlp.expand = adapter = Adapter(adapted.blocks[0].mlp.expand)
    assert not supported(adapted)
    generate(adapted, torch.ones(1, 3).long(), 5)
    assert adapter.calls == 5


def test_padding_is_left_to_the_model() -> None:
    mask = torch.tensor([[False, True, True]])
    assert Session(model(), torch.ones(1, 3).long(), 2, mask).fast is None
    assert Session(model(), torch.ones(1, 3).long(), 2).fast is not None
