from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.gpt import GPT, GPTConfig

CONFIG = GPTConfig(vocab_size=11, context_length=9, n_layer=2, n_head=3, d_model=15)


def test_shapes_and_the_uniform_start() -> None:
    model = GPT(CONFIG)
    tokens = torch.randint(11, (4, 7))
    assert model(tokens).shape == (4, 7, 11)
    # Small initial weights: all tokens about equally likely, the loss near log 11.
    targets = torch.randint(11, (4, 7))
    assert model.loss(tokens, targets).item() == pytest.approx(math.log(11), abs=0.1)


def test_targets_of_minus_100_do_not_count() -> None:
    model = GPT(CONFIG)
    tokens = torch.randint(11, (2, 5))
    targets = tokens.clone()
    targets[:, 3:] = -100
    assert_close(model.loss(tokens, targets), model.loss(tokens[:, :3], tokens[:, :3]))


def test_too_many_tokens_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="10 tokens do not fit into a context of 9"):
        GPT(CONFIG)(torch.zeros(1, 10, dtype=torch.long))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 0}, "n_layer must be at least 1"),
        ({"d_model": 16}, "multiple of n_head"),
        ({"dropout": 1.0}, "dropout"),
        ({"vocab_size": -3}, "vocab_size"),
    ],
)
def test_a_bad_config_is_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        GPTConfig(
            **({"vocab_size": 11, "context_length": 9, "n_layer": 2, "n_head": 3, "d_model": 15} | change)
        )


def test_the_head_is_the_embedding() -> None:
    model = GPT(CONFIG)
    assert not any("head" in name for name in model.state_dict())
    model.token_embedding.weight.data.zero_()
    assert not model(torch.randint(11, (2, 5))).any()
    restored = GPT(CONFIG)
    restored.load_state_dict(model.state_dict())
    tokens = torch.randint(11, (2, 5))
    assert_close(restored(tokens), model(tokens))


def test_residual_projections_start_smaller_with_depth() -> None:
    deep = GPT(GPTConfig(vocab_size=11, context_length=9, n_layer=8, n_head=4, d_model=64))
    assert deep.blocks[0].contract.weight.std().item() == pytest.approx(0.02 / 4, rel=0.1)
    assert deep.blocks[0].expand.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_bfloat16_autocast_and_compile_agree_with_fp32() -> None:
    model = GPT(CONFIG)
    tokens = torch.randint(11, (3, 9))
    with torch.autocast("cpu", torch.bfloat16):
        low = model.loss(tokens, tokens)
    assert_close(low.float(), model.loss(tokens, tokens), rtol=2e-2, atol=2e-2)
    compiled = torch.compile(copy.deepcopy(model))
    assert_close(compiled(tokens), model(tokens), rtol=1e-4, atol=1e-5)
