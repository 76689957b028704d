from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.models.presets import PRESETS, preset

CONFIG = GPTConfig(vocab_size=11, context_length=9, n_layer=2, n_head=3, d_model=18)
MODERN = preset("modern", vocab_size=11, context_length=9, n_layer=2, n_head=3, d_model=18)
LLAMA = preset("smollm2-135m", vocab_size=11, context_length=9, n_layer=3, n_head=6, n_kv_head=2, d_model=24)
CONFIGS = pytest.mark.parametrize("config", [CONFIG, MODERN, LLAMA], ids=["gpt2", "modern", "llama"])


def randomised(config: GPTConfig) -> GPT:
    model = GPT(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model.eval()


@CONFIGS
def test_shapes_and_the_uniform_start(config: GPTConfig) -> None:
    model = GPT(config)
    tokens = torch.randint(11, (4, 7))
    assert model(tokens).shape == (4, 7, 11)
    # Small initial weights: all tokens about equally likely, the loss near log 11.
    targets = torch.randint(11, (4, 7))
    assert model.loss(tokens, targets).item() == pytest.approx(math.log(11), abs=0.1)
    assert_close(model.logits(model.hidden(tokens)[:, -1]), model(tokens)[:, -1])


def test_targets_of_minus_100_do_not_count() -> None:
    model = GPT(CONFIG)
    tokens = torch.randint(11, (2, 5))
    targets = tokens.clone()
    targets[:, 3:] = -100
    assert_close(model.loss(tokens, targets), model.loss(tokens[:, :3], tokens[:, :3]))


def test_too_many_tokens_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="10 tokens do not fit into a context of 9"):
        GPT(CONFIG)(torch.zeros(1, 10, dtype=torch.long))
    model = GPT(CONFIG)
    with pytest.raises(ValueError, match="A cache holds 1 to 9 tokens, not 10"):
        model.new_cache(1, 10)
    cache = model.new_cache(1, 5)
    with torch.no_grad():
        model(torch.zeros(1, 4, dtype=torch.long), cache=cache)
        with pytest.raises(ValueError, match="6 tokens do not fit into a cache of 5"):
            model(torch.zeros(1, 2, dtype=torch.long), cache=cache)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 0}, "n_layer must be at least 1"),
        ({"n_kv_head": 0}, "n_kv_head must be at least 1"),
        ({"d_model": 16}, "multiple of n_head"),
        ({"n_kv_head": 2}, "multiple of n_kv_head"),
        ({"dropout": 1.0}, "dropout"),
        ({"vocab_size": -3}, "vocab_size"),
        ({"norm": "batchnorm"}, "norm must be one of layernorm, rmsnorm, not 'batchnorm'"),
        (
            {"activation": "silu"},
            "activation must be one of gelu, gelu_tanh, quick_gelu, relu, relu2, swiglu",
        ),
        ({"position": "rope"}, "position must be one of learned, rotary, none"),
        ({"position": "rotary", "d_model": 15}, "heads of even width, not 5"),
    ],
)
def test_a_bad_config_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


def test_the_head_is_the_embedding() -> None:
    model = GPT(CONFIG)
    assert not any("head" in name for name in model.state_dict())
    restored = GPT(CONFIG)
    restored.load_state_dict(model.state_dict())
    tokens = torch.randint(11, (2, 5))
    assert_close(restored(tokens), model(tokens))
    torch.nn.init.zeros_(model.token_embedding.weight)
    assert not model(tokens).any()
    untied = GPT(replace(CONFIG, tied_head=False))
    assert untied.n_parameters() == model.n_parameters() + 11 * 18
    torch.nn.init.zeros_(untied.token_embedding.weight)
    assert untied(tokens).any()


def test_residual_projections_start_smaller_with_depth() -> None:
    deep = GPT(GPTConfig(vocab_size=11, context_length=9, n_layer=8, n_head=4, d_model=64))
    assert deep.blocks[0].mlp.contract.weight.std().item() == pytest.approx(0.02 / 4, rel=0.1)
    assert deep.blocks[0].mlp.expand.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_zero_initialised_blocks_are_the_identity() -> None:
    model = GPT(replace(CONFIG, zero_init=True))
    x = torch.randn(2, 5, 18)
    for block in model.blocks:
        assert torch.equal(block(x), x)
    assert not torch.equal(GPT(CONFIG).blocks[0](x), x)


@pytest.mark.parametrize(
    "change",
    [
        {"norm": "rmsnorm"},
        {"position": "rotary"},
        {"position": "none"},
        {"qk_norm": True},
        {"activation": "relu2"},
        {"activation": "swiglu"},
        {"zero_init": True},
        {"tied_head": False},
        {"bias": False},
        {"n_kv_head": 1},
        {"d_hidden": 31},
        {"norm": "rmsnorm", "position": "rotary"},
    ],
    ids=lambda change: ",".join(map(str, change.values())),
)
def test_each_choice_alone_learns(change: dict) -> None:
    """Every parameter has a gradient, and a text of one token after the other is learnt by heart."""
    torch.manual_seed(1)
    model = GPT(replace(CONFIG, **change))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    tokens = torch.arange(10).remainder(7)[None]
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.loss(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missing


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("gelu", lambda h: 0.5 * h * (1 + torch.erf(h / math.sqrt(2)))),
        ("gelu_tanh", lambda h: 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))),
        ("relu2", lambda h: h.clamp(min=0) ** 2),
        ("swiglu", lambda h: h[..., :13] * torch.sigmoid(h[..., :13]) * h[..., 13:]),
    ],
)
def test_the_network_of_a_block_is_the_formula(activation: str, formula) -> None:
    model = randomised(replace(CONFIG, activation=activation, norm="rmsnorm", d_hidden=13))
    block = model.blocks[0]
    torch.nn.init.zeros_(block.attention.project.weight)
    torch.nn.init.zeros_(block.attention.project.bias)
    x = torch.randn(2, 5, 18)
    normed = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * block.mlp_norm.weight
    assert_close(block(x), x + block.mlp.contract(formula(block.mlp.expand(normed))), rtol=1e-4, atol=1e-5)


@CONFIGS
def test_padding_on_either_side_changes_nothing(config: GPTConfig) -> None:
    model = randomised(config)
    tokens = torch.randint(11, (3, 7))
    mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
    logits = model(tokens, mask)
    assert_close(logits[0, :4], model(tokens[:1, :4])[0], rtol=1e-4, atol=1e-4)
    assert_close(logits[1, 2:], model(tokens[1:2, 2:])[0], rtol=1e-4, atol=1e-4)
    assert_close(logits[2], model(tokens[2:])[0], rtol=1e-4, atol=1e-4)


@CONFIGS
@pytest.mark.parametrize("chunks", [[9], [1] * 9, [4, 1, 1, 3], [2, 7]])
@torch.no_grad()
def test_a_cache_changes_nothing(config: GPTConfig, chunks: list[int]) -> None:
    model = randomised(config)
    tokens = torch.randint(11, (3, 9))
    cache = model.new_cache(3)
    pieces = [model(piece, cache=cache) for piece in tokens.split(chunks, dim=1)]
    assert cache.length == 9
    assert_close(torch.cat(pieces, dim=1), model(tokens), rtol=1e-4, atol=1e-4)


@CONFIGS
@pytest.mark.parametrize("chunks", [[9], [1] * 9, [4, 1, 1, 3], [5, 4]])
@torch.no_grad()
def test_a_cache_changes_nothing_with_padding(config: GPTConfig, chunks: list[int]) -> None:
    """Padded on the left, on the right and in the middle, as when a prompt ends early and goes on."""
    model = randomised(config)
    tokens = torch.randint(11, (4, 9))
    mask = torch.ones(4, 9, dtype=torch.long)
    mask[1, :3] = mask[2, 6:] = mask[3, 2:4] = 0
    cache = model.new_cache(4, 9)
    parts = zip(tokens.split(chunks, dim=1), mask.split(chunks, dim=1), strict=True)
    together = torch.cat([model(piece, real, cache) for piece, real in parts], dim=1)
    assert_close(together[mask.bool()], model(tokens, mask)[mask.bool()], rtol=1e-4, atol=1e-4)


@CONFIGS
@torch.no_grad()
def test_a_mask_once_given_holds_for_later_tokens(config: GPTConfig) -> None:
    model = randomised(config)
    tokens, mask = torch.randint(11, (2, 8)), torch.ones(2, 8, dtype=torch.bool)
    mask[0, :3] = False
    cache = model.new_cache(2, 8)
    model(tokens[:, :5], mask[:, :5], cache)
    rest = torch.cat([model(tokens[:, 5:6], cache=cache), model(tokens[:, 6:], cache=cache)], dim=1)
    assert_close(rest, model(tokens, mask)[:, 5:], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_rows_of_a_cache_can_be_chosen() -> None:
    model = randomised(LLAMA)
    tokens, mask = torch.randint(11, (3, 6)), torch.ones(3, 6, dtype=torch.bool)
    mask[1, :2] = False
    cache, rows = model.new_cache(3), torch.tensor([1, 1, 0, 2])
    model(tokens[:, :5], mask[:, :5], cache)
    cache.select(rows)
    assert_close(
        model(tokens[rows, 5:], cache=cache), model(tokens[rows], mask[rows])[:, 5:], rtol=1e-4, atol=1e-4
    )


@CONFIGS
def test_bfloat16_and_meta(config: GPTConfig) -> None:
    model = randomised(config)
    tokens = torch.randint(11, (3, 9))
    with torch.autocast("cpu", torch.bfloat16):
        low = model.loss(tokens, tokens)
    assert_close(low.float(), model.loss(tokens, tokens), rtol=5e-2, atol=5e-2)
    half = copy.deepcopy(model).bfloat16()
    with torch.no_grad():
        cache = half.new_cache(3)
        pieces = [half(piece, cache=cache) for piece in tokens.split([5, 4], dim=1)]
    assert cache.keys.dtype == pieces[0].dtype == torch.bfloat16
    assert_close(torch.cat(pieces, dim=1), half(tokens), rtol=0.2, atol=0.2)
    with torch.device("meta"):
        assert GPT(config)(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 11)


def test_compiled_it_is_the_same() -> None:
    model = randomised(replace(MODERN, n_kv_head=1, dropout=0.1))
    tokens, mask = torch.randint(11, (3, 9)), torch.ones(3, 9, dtype=torch.bool)
    mask[1, :4] = False
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True)
    assert_close(compiled(tokens), model(tokens), rtol=1e-4, atol=1e-4)
    assert_close(compiled(tokens, mask)[mask], model(tokens, mask)[mask], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("smollm2-135m", 134_515_008),
    ],
)
def test_published_sizes(name: str, n_parameters: int) -> None:
    with torch.device("meta"):
        assert GPT(preset(name)).n_parameters() == n_parameters


def test_presets() -> None:
    assert preset("gpt2") == GPTConfig()
    assert preset("modern", n_layer=2, dropout=0.1).n_layer == 2
    assert PRESETS["modern"].n_layer == 12
    with pytest.raises(ValueError, match=r"no preset 'gpt3'\. There are: gpt2, gpt2-medium"):
        preset("gpt3")
    with pytest.raises(ValueError, match="multiple of n_head"):
        preset("gpt2", d_model=100)


# Weights of seed 0, each tensor (but those of zeros and ones) multiplied with a ramp from -1 to 1: they fix the order
# in which random numbers are drawn, so that a seed goes on meaning the same model.
RAMPS = {
    "gpt2": [0.10692, -0.22667, -0.37219, 0.34707, 0.06365, 0.12833, 0.54796, -0.12979, -0.27724, 0.75012],
    "modern": [13.99505, 0.12903, 0.38779, -0.07478, 0.18519, -0.05517],
    "smollm2-135m": [-0.05038, 0.13045, -0.04075, -0.28173, -0.44912, 0.08396, -0.02395, 0.23037, -0.03965],
}


@pytest.mark.parametrize("name", RAMPS)
def test_a_seed_gives_the_weights_that_it_always_gave(name: str) -> None:
    changes = {"n_kv_head": 2, "d_hidden": 31} if name == "smollm2-135m" else {}
    torch.manual_seed(0)
    model = GPT(preset(name, vocab_size=11, context_length=9, n_layer=2, n_head=6, d_model=24, **changes))
    weights = [parameter.detach().double().flatten() for parameter in model.parameters()]
    ramps = [float(torch.linspace(-1, 1, len(w), dtype=torch.float64) @ w) for w in weights]
    assert [ramp for ramp in ramps if abs(ramp) > 1e-9] == pytest.approx(RAMPS[name], abs=2e-5)


def test_without_positions_the_order_of_earlier_tokens_does_not_matter_to_one_block() -> None:
    """Attention is a sum over a set; only the causal mask, from the second block on, tells positions apart."""
    torch.manual_seed(2)
    tokens = torch.randint(CONFIG.vocab_size, (1, 7))
    swapped = tokens[:, [3, 0, 2, 1, 4, 5, 6]]
    for n_layer, same in ((1, True), (2, False)):
        model = GPT(replace(CONFIG, position="none", n_layer=n_layer)).double()
        apart = (model(tokens)[:, -1] - model(swapped)[:, -1]).abs().max().item()
        assert (apart < 1e-12) == same
    learned = GPT(replace(CONFIG, n_layer=1)).double()
    assert (learned(tokens)[:, -1] - learned(swapped)[:, -1]).abs().max() > 1e-6
