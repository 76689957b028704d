"""Our GPT against transformers' GPT-2 with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel

from largemodels.interop import gpt_from_transformers
from largemodels.models.gpt import GPT

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
SIZES = {"vocab_size": 37, "n_positions": 13, "n_layer": 3, "n_head": 5, "n_embd": 35}
BATCH, TIME = 4, 11


def reference(attention: str = "eager", **sizes: int) -> GPT2LMHeadModel:
    config = GPT2Config(**(SIZES | sizes), attn_implementation=attention, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # the initial biases are 0 and the norms 1, which would hide a swapped one
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model


def batch(vocab_size: int = SIZES["vocab_size"], time: int = TIME) -> tuple[torch.Tensor, torch.Tensor]:
    windows = torch.randint(vocab_size, (BATCH, time + 1))
    return windows[:, :-1], windows[:, 1:]


def masks() -> dict[str, torch.Tensor | None]:
    right = torch.ones(BATCH, TIME, dtype=torch.long)
    right[1, 7:] = right[2, 3:] = 0
    return {"none": None, "right": right, "left": right.flip(1)}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["none", "right", "left"])
def test_logits_loss_and_gradients_agree(attention: str, kind: str) -> None:
    theirs = reference(attention)
    ours = gpt_from_transformers(theirs).eval()
    tokens, targets = batch()
    mask = masks()[kind]
    real = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask.bool()
    counted = targets.where(real, -100)

    their_logits = theirs(tokens, attention_mask=mask).logits
    assert_close(ours(tokens, mask)[real], their_logits[real], rtol=1e-5, atol=1e-5)

    their_loss = torch.nn.functional.cross_entropy(their_logits.flatten(0, 1), counted.flatten())
    our_loss = ours.loss(tokens, counted, mask)
    assert_close(our_loss, their_loss, rtol=1e-5, atol=1e-5)

    their_loss.backward()
    our_loss.backward()
    for layer in range(SIZES["n_layer"]):
        our_block, their_block = ours.blocks[layer], theirs.transformer.h[layer]
        pairs = [
            (our_block.attention.qkv.weight.grad.T, their_block.attn.c_attn.weight.grad),
            (our_block.attention.qkv.bias.grad, their_block.attn.c_attn.bias.grad),
            (our_block.attention.project.weight.grad.T, their_block.attn.c_proj.weight.grad),
            (our_block.attention_norm.weight.grad, their_block.ln_1.weight.grad),
            (our_block.mlp_norm.bias.grad, their_block.ln_2.bias.grad),
            (our_block.expand.weight.grad.T, their_block.mlp.c_fc.weight.grad),
            (our_block.contract.weight.grad.T, their_block.mlp.c_proj.weight.grad),
        ]
        for ours_grad, theirs_grad in pairs:
            assert_close(ours_grad, theirs_grad, rtol=1e-4, atol=1e-4)
    assert_close(ours.token_embedding.weight.grad, theirs.transformer.wte.weight.grad, rtol=1e-4, atol=1e-4)
    assert_close(
        ours.position_embedding.weight.grad, theirs.transformer.wpe.weight.grad, rtol=1e-4, atol=1e-4
    )


def test_the_loss_is_the_one_that_transformers_computes_itself() -> None:
    """transformers shifts the labels; our targets are shifted already."""
    theirs = reference()
    ours = gpt_from_transformers(theirs).eval()
    tokens, _ = batch()
    assert_close(
        ours.loss(tokens[:, :-1], tokens[:, 1:]), theirs(tokens, labels=tokens).loss, rtol=1e-5, atol=1e-5
    )


def swap_heads_and_width(model: GPT) -> None:
    """Read the heads of the attention in the wrong order: (d_head, n_head) for (n_head, d_head)."""
    qkv = model.blocks[0].attention.qkv
    n_head = model.config.n_head
    with torch.no_grad():
        qkv.weight.copy_(
            qkv.weight.view(3, n_head, -1, qkv.in_features).transpose(1, 2).reshape(qkv.weight.shape)
        )
        qkv.bias.copy_(qkv.bias.view(3, n_head, -1).transpose(1, 2).reshape(qkv.bias.shape))


def swap_keys_and_values(model: GPT) -> None:
    qkv = model.blocks[1].attention.qkv
    with torch.no_grad():
        q, k, v = qkv.weight.clone().chunk(3)
        qkv.weight.copy_(torch.cat([q, v, k]))


def transpose_square_projection(model: GPT) -> None:
    project = model.blocks[2].attention.project
    with torch.no_grad():
        project.weight.copy_(project.weight.T.clone())


def swap_norms(model: GPT) -> None:
    block = model.blocks[0]
    block.attention_norm, block.mlp_norm = block.mlp_norm, block.attention_norm


def drop_a_bias(model: GPT) -> None:
    torch.nn.init.zeros_(model.blocks[2].contract.bias)


@pytest.mark.parametrize(
    "perturb",
    [swap_heads_and_width, swap_keys_and_values, transpose_square_projection, swap_norms, drop_a_bias],
)
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    """The comparison above must fail when a dimension is swapped."""
    theirs = reference()
    ours = gpt_from_transformers(theirs).eval()
    tokens, _ = batch()
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)


def test_another_activation_is_refused() -> None:
    theirs = GPT2LMHeadModel(GPT2Config(**SIZES, activation_function="relu"))
    with pytest.raises(ValueError, match="gelu_new"):
        gpt_from_transformers(theirs)


def test_published_size() -> None:
    """GPT-2's smallest model has 124,439,808 parameters."""
    from largemodels.models.gpt import GPTConfig

    with torch.device("meta"):
        assert GPT(GPTConfig()).n_parameters() == 124_439_808
