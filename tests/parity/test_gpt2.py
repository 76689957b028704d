"""Our GPT against transformers' GPT-2 with the same weights, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from largemodels.models.gpt import GPT
from largemodels.models.presets import preset
from largemodels.pretrained.gpt import gpt_from_transformers, gpt_to_transformers

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
SIZES = {"vocab_size": 37, "n_positions": 13, "n_layer": 3, "n_head": 5, "n_embd": 35}
BATCH, TIME = 4, 11


def reference(attention: str = "eager", **changes: object) -> GPT2LMHeadModel:
    config = GPT2Config(
        **(SIZES | {"bos_token_id": None, "eos_token_id": None} | changes), attn_implementation=attention
    )
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


def their_logits(theirs: GPT2LMHeadModel, tokens: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """As their ``generate`` calls the model: positions count real tokens."""
    positions = None if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    return theirs(tokens, attention_mask=mask, position_ids=positions).logits


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["none", "right", "left"])
def test_logits_loss_and_gradients_agree(attention: str, kind: str) -> None:
    theirs = reference(attention)
    ours = gpt_from_transformers(theirs)
    tokens, targets = batch()
    mask = masks()[kind]
    real = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask.bool()
    counted = targets.where(real, -100)

    logits = their_logits(theirs, tokens, mask)
    assert_close(ours(tokens, mask)[real], logits[real], rtol=1e-5, atol=1e-5)

    their_loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), counted.flatten())
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
            (our_block.mlp.expand.weight.grad.T, their_block.mlp.c_fc.weight.grad),
            (our_block.mlp.contract.weight.grad.T, their_block.mlp.c_proj.weight.grad),
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
    ours = gpt_from_transformers(theirs)
    tokens, _ = batch()
    assert_close(
        ours.loss(tokens[:, :-1], tokens[:, 1:]), theirs(tokens, labels=tokens).loss, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["none", "left"])
@torch.no_grad()
def test_with_our_cache_as_with_theirs(kind: str) -> None:
    theirs = reference("sdpa")
    ours = gpt_from_transformers(theirs)
    tokens, _ = batch()
    mask = masks()[kind]
    expected = their_logits(theirs, tokens, mask)
    cache, pieces = ours.new_cache(BATCH), []
    for part in torch.arange(TIME).split([4, 1, 1, 3, 2]):
        pieces.append(ours(tokens[:, part], None if mask is None else mask[:, part], cache))
    real = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask.bool()
    assert_close(torch.cat(pieces, dim=1)[real], expected[real], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"n_inner": 41},
        {"tie_word_embeddings": False},
        {"layer_norm_epsilon": 0.1},
        {"activation_function": "gelu"},
        {"activation_function": "quick_gelu"},
        {"activation_function": "relu"},
    ],
    ids=lambda changes: ",".join(map(str, [*changes, *changes.values()])),
)
def test_other_fields_are_translated(changes: dict[str, object]) -> None:
    theirs = reference(**changes)
    ours = gpt_from_transformers(theirs)
    tokens, _ = batch()
    assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)
    assert_close(gpt_to_transformers(ours)(tokens).logits, theirs(tokens).logits, rtol=1e-5, atol=1e-5)


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
    torch.nn.init.zeros_(model.blocks[2].mlp.contract.bias)


def shift_positions(model: GPT) -> None:
    with torch.no_grad():
        model.position_embedding.weight.copy_(model.position_embedding.weight.roll(1, 0))


@pytest.mark.parametrize(
    "perturb",
    [
        swap_heads_and_width,
        swap_keys_and_values,
        transpose_square_projection,
        swap_norms,
        drop_a_bias,
        shift_positions,
    ],
)
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    """The comparisons above must fail when a dimension is swapped, in either direction."""
    theirs = reference()
    ours = gpt_from_transformers(theirs)
    tokens, _ = batch()
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)
    with pytest.raises(AssertionError):
        assert_close(gpt_to_transformers(ours)(tokens).logits, theirs(tokens).logits, rtol=1e-5, atol=1e-5)


def test_the_two_models_share_no_memory() -> None:
    theirs = reference()
    ours = gpt_from_transformers(theirs)
    tokens, _ = batch()
    before = theirs(tokens).logits
    back = gpt_to_transformers(ours)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
    assert_close(theirs(tokens).logits, before)
    assert_close(back(tokens).logits, before)


@pytest.mark.parametrize("tied_head", [True, False])
def test_what_we_save_opens_there_and_here(tied_head: bool, tmp_path: Path) -> None:
    sizes = dict(vocab_size=37, context_length=13, n_layer=3, n_head=5, d_model=35)
    ours = GPT(preset("gpt2", **sizes, dropout=0.1, tied_head=tied_head)).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.3)
    gpt_to_transformers(ours).save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert type(theirs) is GPT2LMHeadModel
    assert (theirs.config.attn_pdrop, theirs.config.embd_pdrop) == (0.1, 0.1)
    tokens, _ = batch()
    assert_close(theirs(tokens).logits, ours(tokens), rtol=1e-5, atol=1e-5)
    again = gpt_from_transformers(tmp_path)
    assert again.config == ours.config
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), ours.parameters(), strict=True))


def test_their_generate_writes_what_our_model_finds_likeliest() -> None:
    ours = gpt_from_transformers(reference())
    tokens, _ = batch(time=3)
    theirs = gpt_to_transformers(ours)
    written = theirs.generate(tokens, max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert torch.equal(written[:, 3:], ours(written)[:, 2:-1].argmax(dim=-1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation_function": "silu"}, "needs activation_function = 'gelu_new' or 'gelu' or .*has 'silu'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"embd_pdrop": 0.0}, r"needs embd_pdrop = 0\.1; this model has 0\.0"),
        ({"attn_pdrop": 0.3}, r"needs attn_pdrop = 0\.1; this model has 0\.3"),
        ({"resid_pdrop": 0.0}, r"needs embd_pdrop = 0\.0; this model has 0\.1"),
    ],
)
def test_what_our_gpt_has_not_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gpt_from_transformers(reference(**change))


@pytest.mark.parametrize("change", [{"norm": "rmsnorm"}, {"activation": "relu2"}, {"bias": False}])
def test_what_they_have_not_is_refused(change: dict[str, object]) -> None:
    sizes = dict(vocab_size=7, context_length=5, n_layer=1, n_head=2, d_model=6)
    (field,) = change
    with pytest.raises(ValueError, match=f"with learned positions is known here that has {field}"):
        gpt_to_transformers(GPT(preset("gpt2", **sizes, **change)))


@pytest.mark.parametrize("p", [0.0, 0.2])
def test_one_dropout_is_taken_over_to_all_places_and_back(p: float) -> None:
    theirs = reference(embd_pdrop=p, attn_pdrop=p, resid_pdrop=p)
    ours = gpt_from_transformers(theirs)
    block = ours.blocks[1]
    found = ours.dropout.p, block.attention.dropout, block.attention.output_dropout.p, block.mlp.dropout.p
    assert found == (p, p, p, p)
    back = gpt_to_transformers(ours).config
    assert (back.embd_pdrop, back.attn_pdrop, back.resid_pdrop) == (p, p, p)


def test_double_precision_is_kept_both_ways() -> None:
    theirs = reference().double()
    with torch.no_grad():
        theirs.transformer.wte.weight += 1e-12 * torch.randn_like(theirs.transformer.wte.weight)
    back = gpt_to_transformers(gpt_from_transformers(theirs))
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), theirs.parameters(), strict=True))
