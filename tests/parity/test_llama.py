"""Our GPT with Llama's choices against transformers' Llama, and with normalised queries and keys against Qwen3."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from largemodels.models.gpt import GPT
from largemodels.models.presets import preset
from largemodels.pretrained.gpt import gpt_from_transformers, gpt_to_transformers

# Odd and unequal; six heads of queries share two of keys and values.
SIZES = dict(
    vocab_size=37,
    hidden_size=60,
    intermediate_size=43,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=10,
    max_position_embeddings=29,
    rms_norm_eps=1e-3,
    rope_parameters={"rope_type": "default", "rope_theta": 77.0},
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)
BATCH, TIME = 4, 23


def llama(attention: str = "sdpa", bias: bool = True, **changes: object) -> LlamaForCausalLM:
    biases = {"attention_bias": bias, "mlp_bias": bias}
    return randomised(
        LlamaForCausalLM(LlamaConfig(**(SIZES | biases | changes), attn_implementation=attention))
    )


def qwen3(attention: str = "sdpa", **changes: object) -> Qwen3ForCausalLM:
    return randomised(Qwen3ForCausalLM(Qwen3Config(**(SIZES | changes), attn_implementation=attention)))


def randomised(model: PreTrainedModel) -> PreTrainedModel:
    """Biases are 0 and norms 1 at first, which would hide a swapped one."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.25)
    return model.eval()


def masks() -> dict[str, torch.Tensor | None]:
    right = torch.ones(BATCH, TIME, dtype=torch.long)
    right[1, 15:] = right[2, 3:] = 0
    return {"none": None, "right": right, "left": right.flip(1)}


REFERENCES = {
    "llama with biases": llama,
    "llama without, untied": lambda attention: llama(attention, bias=False, tie_word_embeddings=False),
    "llama, tied, a head each": lambda a: llama(a, tie_word_embeddings=True, num_key_value_heads=6),
    "qwen3": qwen3,
}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["none", "right", "left"])
@pytest.mark.parametrize("make", REFERENCES.values(), ids=REFERENCES)
def test_logits_and_gradients_agree(make, kind: str, attention: str) -> None:
    theirs = make(attention)
    ours = gpt_from_transformers(theirs)
    tokens, mask = torch.randint(37, (BATCH, TIME)), masks()[kind]
    real = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask.bool()
    logits = theirs(tokens, attention_mask=mask).logits
    ours_logits = ours(tokens, mask)
    assert_close(ours_logits[real], logits[real], rtol=1e-5, atol=1e-5)

    weights = torch.randn_like(logits)[real]  # any scalar of the logits has a gradient
    (logits[real] * weights).mean().backward()
    (ours_logits[real] * weights).mean().backward()
    for layer in range(SIZES["num_hidden_layers"]):
        our_block, their_block = ours.blocks[layer], theirs.model.layers[layer]
        attention_, mlp = their_block.self_attn, their_block.mlp
        qkv = [getattr(attention_, name).weight.grad for name in ("q_proj", "k_proj", "v_proj")]
        pairs = [
            (our_block.attention.qkv.weight.grad, torch.cat(qkv)),
            (our_block.attention.project.weight.grad, attention_.o_proj.weight.grad),
            (our_block.attention_norm.weight.grad, their_block.input_layernorm.weight.grad),
            (our_block.mlp_norm.weight.grad, their_block.post_attention_layernorm.weight.grad),
            (
                our_block.mlp.expand.weight.grad,
                torch.cat([mlp.gate_proj.weight.grad, mlp.up_proj.weight.grad]),
            ),
            (our_block.mlp.contract.weight.grad, mlp.down_proj.weight.grad),
        ]
        if ours.config.bias:
            pairs += [
                (our_block.attention.project.bias.grad, attention_.o_proj.bias.grad),
                (our_block.mlp.contract.bias.grad, mlp.down_proj.bias.grad),
            ]
        if ours.config.qk_norm:
            pairs += [
                (our_block.attention.q_norm.weight.grad, attention_.q_norm.weight.grad),
                (our_block.attention.k_norm.weight.grad, attention_.k_norm.weight.grad),
            ]
        for ours_grad, theirs_grad in pairs:
            assert_close(ours_grad, theirs_grad, rtol=1e-4, atol=1e-4)
    their_embedding = theirs.model.embed_tokens.weight.grad
    assert_close(ours.token_embedding.weight.grad, their_embedding, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["none", "left"])
@pytest.mark.parametrize("make", [llama, qwen3])
@torch.no_grad()
def test_with_our_cache_as_without_theirs(make, kind: str) -> None:
    theirs = make()
    ours = gpt_from_transformers(theirs)
    tokens, mask = torch.randint(37, (BATCH, TIME)), masks()[kind]
    cache, pieces = ours.new_cache(BATCH), []
    for part in torch.arange(TIME).split([5, 1, 1, 9, 7]):
        pieces.append(ours(tokens[:, part], None if mask is None else mask[:, part], cache))
    real = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask.bool()
    expected = theirs(tokens, attention_mask=mask).logits
    assert_close(torch.cat(pieces, dim=1)[real], expected[real], rtol=1e-5, atol=1e-5)


def other_pairs(model: GPT) -> None:
    """Neighbours turn together, as in the paper: the rows of each query head in another order."""
    attention = model.blocks[1].attention
    with torch.no_grad():
        q = attention.qkv.weight[:60].clone().view(6, 2, 5, 60).transpose(1, 2)
        attention.qkv.weight[:60] = q.reshape(60, 60)


def other_groups(model: GPT) -> None:
    """Query heads in the order 0, 2, 4, 1, 3, 5: three share the other head of keys."""
    attention = model.blocks[1].attention
    with torch.no_grad():
        for parameter in (attention.qkv.weight, attention.qkv.bias):
            q = parameter[:60].clone().view(3, 2, 10, -1).transpose(0, 1)
            parameter[:60] = q.reshape(parameter[:60].shape)
        weight = attention.project.weight
        weight.copy_(weight.clone().view(60, 3, 2, 10).transpose(1, 2).reshape(60, 60))


def swap_gate_and_value(model: GPT) -> None:
    weight = model.blocks[0].mlp.expand.weight
    with torch.no_grad():
        weight.copy_(torch.cat(weight.clone().chunk(2)[::-1]))


def swap_keys_and_values(model: GPT) -> None:
    weight = model.blocks[2].attention.qkv.weight
    with torch.no_grad():
        q, k, v = weight.clone().split([60, 20, 20])
        weight.copy_(torch.cat([q, v, k]))


def turn_the_other_way(model: GPT) -> None:
    object.__setattr__(model.config, "rope_base", 78.0)


@pytest.mark.parametrize(
    "perturb", [other_pairs, other_groups, swap_gate_and_value, swap_keys_and_values, turn_the_other_way]
)
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    theirs = llama()
    ours = gpt_from_transformers(theirs)
    tokens = torch.randint(37, (BATCH, TIME))
    assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [{"bias": True}, {"tied_head": False, "n_kv_head": None}, {}])
def test_what_we_save_opens_there_and_here(changes: dict[str, object], tmp_path: Path) -> None:
    sizes = dict(
        vocab_size=37, context_length=29, n_layer=3, n_head=6, n_kv_head=2, d_model=60, d_hidden=None
    )
    ours = GPT(preset("smollm2-135m", **(sizes | changes))).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.25)
    gpt_to_transformers(ours).save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert type(theirs) is LlamaForCausalLM
    tokens = torch.randint(37, (BATCH, TIME))
    assert_close(theirs(tokens).logits, ours(tokens), rtol=1e-5, atol=1e-5)
    again = gpt_from_transformers(str(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), ours.parameters(), strict=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: llama(hidden_act="gelu"), "needs hidden_act = 'silu'; this model has 'gelu'"),
        (lambda: llama(head_dim=12), "needs head_dim = 10; this model has 12"),
        (lambda: llama(mlp_bias=False), "attention_bias"),
        (lambda: llama(attention_dropout=0.1), r"needs attention_dropout = 0\.0; this model has 0\.1"),
        (lambda: qwen3(attention_dropout=0.1), r"needs attention_dropout = 0\.0; this model has 0\.1"),
        (
            lambda: llama(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 77.0}),
            "Rotary positions of type 'linear'",
        ),
        (lambda: MistralForCausalLM(MistralConfig(**SIZES)), "type 'mistral' are not supported"),
    ],
)
def test_what_our_gpt_has_not_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gpt_from_transformers(make())


@pytest.mark.parametrize("change", [{"qk_norm": True}, {"activation": "relu2"}, {"dropout": 0.1}])
def test_what_they_have_not_is_refused(change: dict[str, object]) -> None:
    sizes = dict(vocab_size=7, context_length=5, n_layer=1, n_head=2, n_kv_head=1, d_model=8)
    (field,) = change
    with pytest.raises(ValueError, match=f"with rotary positions is known here that has {field}"):
        gpt_to_transformers(GPT(preset("smollm2-135m", **sizes, **change)))


def test_the_advice_about_dropout_works(tmp_path: Path) -> None:
    theirs = llama(attention_dropout=0.1)
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"from_pretrained\(…, attention_dropout=0\.0\)\.$"):
        gpt_from_transformers(tmp_path)
    ours = gpt_from_transformers(AutoModelForCausalLM.from_pretrained(tmp_path, attention_dropout=0.0))
    tokens = torch.randint(37, (BATCH, TIME))
    assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)
    assert gpt_to_transformers(ours).config.attention_dropout == 0
