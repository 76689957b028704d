"""Our FT-Transformer against the authors' ``rtdl_revisiting_models``: outputs, gradients, and a wrong layout fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.models.ft_transformer import FTTransformer, FTTransformerConfig

from .random_weights import randomised

reference = pytest.importorskip("rtdl_revisiting_models")

BATCH, N_NUMERIC, CARDINALITIES, N_OUTPUTS = 7, 3, (2, 5, 4, 3), 2
D_MODEL, N_LAYER, N_HEAD, D_HIDDEN = 35, 3, 5, 11
SIZES = FTTransformerConfig(N_NUMERIC, CARDINALITIES, N_OUTPUTS, D_MODEL, N_LAYER, N_HEAD, D_HIDDEN, 0.0, 0.0)


def theirs() -> torch.nn.Module:
    return randomised(
        reference.FTTransformer(
            n_cont_features=N_NUMERIC,
            cat_cardinalities=list(CARDINALITIES),
            d_out=N_OUTPUTS,
            n_blocks=N_LAYER,
            d_block=D_MODEL,
            attention_n_heads=N_HEAD,
            attention_dropout=0.0,
            ffn_d_hidden=D_HIDDEN,
            ffn_d_hidden_multiplier=None,
            ffn_dropout=0.0,
            residual_dropout=0.0,
        )
    )


def matched(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors, weights or gradients, under our names."""
    found = {
        "class_token": state["cls_embedding.weight"],
        "tokenizer.numeric": state["cont_embeddings.weight"],
        "tokenizer.columns": torch.cat([state["cont_embeddings.bias"], state["cat_embeddings.bias"]]),
        "tokenizer.categories": torch.cat(
            [state[f"cat_embeddings.embeddings.{it}.weight"] for it in range(len(CARDINALITIES))]
        ),
    }
    for layer in range(N_LAYER):
        there, here = f"backbone.blocks.{layer}", f"blocks.{layer}"
        for end in ("weight", "bias"):
            parts = [state[f"{there}.attention.W_{it}.{end}"] for it in "qkv"]
            found[f"{here}.attention.qkv.{end}"] = torch.cat(parts)
            for ours, their in [
                ("attention.project", "attention.W_out"),
                ("mlp_norm", "ffn_normalization"),
                ("expand", "ffn.linear1"),
                ("contract", "ffn.linear2"),
                *([("attention_norm", "attention_normalization")] if layer else []),
            ]:
                found[f"{here}.{ours}.{end}"] = state[f"{there}.{their}.{end}"]
    for end in ("weight", "bias"):
        found[f"final_norm.{end}"] = state[f"backbone.output.normalization.{end}"]
        found[f"head.{end}"] = state[f"backbone.output.linear.{end}"]
    assert sum(it.numel() for it in found.values()) == sum(it.numel() for it in state.values())
    return found


def rows() -> tuple[Tensor, Tensor]:
    categories = torch.stack([torch.randint(it, (BATCH,)) for it in CARDINALITIES], dim=1)
    return torch.randn(BATCH, N_NUMERIC), categories


def both() -> tuple[FTTransformer, torch.nn.Module]:
    other = theirs()
    ours = FTTransformer(SIZES)
    ours.load_state_dict(matched(other.state_dict()))
    return ours, other


def test_outputs_and_gradients_agree() -> None:
    ours, other = both()
    numbers, categories = rows()
    found, expected = ours(numbers, categories), other(numbers, categories)
    assert found.shape == (BATCH, N_OUTPUTS)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(found)  # any scalar has a gradient
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    gradients = matched({name: it.grad for name, it in other.named_parameters()})
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-4)


def swap_value_and_gate(model: FTTransformer) -> None:
    weight = model.blocks[1].expand.weight
    value, gate = weight.clone().chunk(2)
    weight.copy_(torch.cat([gate, value]))


def swap_columns(model: FTTransformer) -> None:
    model.tokenizer.first.copy_(model.tokenizer.first.flip(0))


def norm_first(model: FTTransformer) -> None:
    model.blocks[0].attention_norm = torch.nn.LayerNorm(D_MODEL)


def swap_norms(model: FTTransformer) -> None:
    block = model.blocks[2]
    block.attention_norm, block.mlp_norm = block.mlp_norm, block.attention_norm


@pytest.mark.parametrize("perturb", [swap_value_and_gate, swap_columns, norm_first, swap_norms])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb: Callable[[FTTransformer], None]) -> None:
    ours, other = both()
    numbers, categories = rows()
    assert_close(ours(numbers, categories), other(numbers, categories), rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(numbers, categories), other(numbers, categories), rtol=1e-5, atol=1e-5)
