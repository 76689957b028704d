"""Our ViT and DeiT against those of transformers, and that a wrong layout fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from transformers import (
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    PreTrainedModel,
    ViTForImageClassification,
)
from transformers import ViTConfig as TheirViTConfig

from largemodels.models.vit import ViT, ViTConfig

from .random_weights import randomised

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
THEIRS = {
    "hidden_size": 35, "num_hidden_layers": 3, "num_attention_heads": 5, "intermediate_size": 53,
    "image_size": 33, "patch_size": 11, "num_channels": 2, "num_labels": 7, "layer_norm_eps": 1e-3,
}  # fmt: skip
DISTILLED = [False, True]


def ours(distilled: bool) -> ViT:
    config = ViTConfig(
        image_size=33, patch_size=11, in_channels=2, n_classes=7, distilled=distilled, d_model=35, n_layer=3,
        n_head=5, d_hidden=53, norm_eps=1e-3,
    )  # fmt: skip
    return ViT(config).eval()


def reference(distilled: bool) -> PreTrainedModel:
    torch.manual_seed(1)
    if distilled:
        return randomised(DeiTForImageClassificationWithTeacher(DeiTConfig(**THEIRS))).eval()
    return randomised(ViTForImageClassification(TheirViTConfig(**THEIRS))).eval()


def pairs(model: ViT, theirs: PreTrainedModel) -> list[tuple[Tensor, list[Tensor]]]:
    """Our parameters, and those of theirs that they consist of, one below the other."""
    distilled = model.config.distilled
    core = theirs.deit if distilled else theirs.vit
    special = [core.embeddings.cls_token] + ([core.embeddings.distillation_token] if distilled else [])
    found = [
        (model.special.weight, special),
        (model.position_embedding.weight, [core.embeddings.position_embeddings]),
    ]
    modules = [
        (model.patch_embedding, [core.embeddings.patch_embeddings.projection]),
        (model.encoder.final_norm, [core.layernorm]),
        (model.head, [theirs.cls_classifier if distilled else theirs.classifier]),
    ]
    if distilled:
        modules.append((model.teacher_head, [theirs.distillation_classifier]))
    for block, layer in zip(model.encoder.blocks, core.layers, strict=True):
        attend = layer.attention
        modules += [
            (block.attention_norm, [layer.layernorm_before]),
            (block.attention.qkv, [attend.q_proj, attend.k_proj, attend.v_proj]),
            (block.attention.project, [attend.o_proj]),
            (block.mlp_norm, [layer.layernorm_after]),
            (block.mlp.expand, [layer.mlp.fc1]),
            (block.mlp.contract, [layer.mlp.fc2]),
        ]
    for module, others in modules:
        found += [(module.weight, [m.weight for m in others]), (module.bias, [m.bias for m in others])]
    return found


def stacked(parameter: Tensor, parts: list[Tensor]) -> Tensor:
    """Theirs in our shape: a convolution's kernels are rows of a matrix, tokens are rows of a table."""
    return torch.cat([part.reshape(-1, *parameter.shape[1:]) for part in parts])


def both(distilled: bool) -> tuple[ViT, PreTrainedModel]:
    theirs, model = reference(distilled), ours(distilled)
    matched = pairs(model, theirs)
    assert len(matched) == len(list(model.parameters()))
    assert sum(len(parts) for _, parts in matched) == len(list(theirs.parameters()))
    with torch.no_grad():
        for parameter, parts in matched:
            parameter.copy_(stacked(parameter, parts))
    return model, theirs


@pytest.mark.parametrize("distilled", DISTILLED)
def test_hidden_states_logits_and_gradients_agree(distilled: bool) -> None:
    model, theirs = both(distilled)
    pictures, labels = torch.randn(4, 2, 33, 33), torch.tensor([3, 0, 6, 2])
    expected = theirs(pictures, output_hidden_states=True)
    core = theirs.deit if distilled else theirs.vit
    assert_close(model.hidden(pictures), core.layernorm(expected.hidden_states[-1]), rtol=1e-5, atol=1e-5)
    logits = model(pictures)
    assert_close(logits, expected.logits, rtol=1e-5, atol=1e-5)
    if distilled:
        own, learned = model.both(pictures)
        assert_close(own, expected.cls_logits, rtol=1e-5, atol=1e-5)
        assert_close(learned, expected.distillation_logits, rtol=1e-5, atol=1e-5)

    model.loss(pictures, labels).backward()
    torch.nn.functional.cross_entropy(expected.logits, labels).backward()
    for parameter, parts in pairs(model, theirs):
        wanted = stacked(parameter, [part.grad for part in parts])
        assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-4)


def swap_heads(model: ViT) -> None:
    weight = model.encoder.blocks[1].attention.qkv.weight
    weight.copy_(weight.view(3, 5, -1, 35).transpose(1, 2).reshape(weight.shape))


def transpose_patches(model: ViT) -> None:
    weight = model.patch_embedding.weight
    weight.copy_(weight.view(-1, 2, 11, 11).mT.reshape(weight.shape))


def channels_last(model: ViT) -> None:
    weight = model.patch_embedding.weight
    weight.copy_(weight.view(-1, 2, 11, 11).movedim(1, 3).reshape(weight.shape))


def swap_special(model: ViT) -> None:
    model.special.weight.copy_(model.special.weight.flip(0))


def roll_positions(model: ViT) -> None:
    model.position_embedding.weight.copy_(model.position_embedding.weight.roll(1, dims=0))


def swap_classifiers(model: ViT) -> None:
    own, learned = model.head.weight.clone(), model.teacher_head.weight.clone()
    model.head.weight.copy_(learned)
    model.teacher_head.weight.copy_(own)


@pytest.mark.parametrize(
    "perturb",
    [swap_heads, transpose_patches, channels_last, swap_special, roll_positions, swap_classifiers],
)
def test_a_wrong_layout_fails(perturb: Callable[[ViT], None]) -> None:
    model, theirs = both(distilled=True)
    pictures = torch.randn(4, 2, 33, 33)
    with torch.no_grad():
        perturb(model)
    with pytest.raises(AssertionError, match="not close"):
        assert_close(model(pictures), theirs(pictures).logits, rtol=1e-5, atol=1e-5)
