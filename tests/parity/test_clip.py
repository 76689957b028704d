"""Our CLIP against ``transformers.CLIPModel``: vectors, loss, gradients, and that a wrong layout fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from transformers import CLIPConfig as TheirConfig
from transformers import CLIPModel

from largemodels.models.clip import CLIP, CLIPConfig, contrastive_loss

from .random_weights import randomised

SIZES = CLIPConfig(
    d_shared=13, image_size=21, patch_size=7, vision_width=30, vision_layers=3, vision_heads=5, vision_hidden=37,
    vocab_size=41, context_length=11, text_width=28, text_layers=2, text_heads=7, text_hidden=53, end_token=40,
    norm_eps=1e-3, temperature=0.3,
)  # fmt: skip


def reference() -> CLIPModel:
    text = dict(
        vocab_size=41, hidden_size=28, intermediate_size=53, num_hidden_layers=2, num_attention_heads=7,
        max_position_embeddings=11, layer_norm_eps=1e-3, eos_token_id=40, bos_token_id=39, pad_token_id=0,
    )  # fmt: skip
    vision = dict(
        hidden_size=30, intermediate_size=37, num_hidden_layers=3, num_attention_heads=5, image_size=21,
        patch_size=7, layer_norm_eps=1e-3,
    )  # fmt: skip
    sizes = TheirConfig(text_config=text, vision_config=vision, projection_dim=13)
    assert sizes.text_config.hidden_act == sizes.vision_config.hidden_act == "quick_gelu"
    return CLIPModel(sizes).eval()


def pairs(ours: CLIP, theirs: CLIPModel) -> list[tuple[Tensor, list[Tensor]]]:
    """Our parameters, and those of theirs that they consist of, one below the other."""
    vision, text = theirs.vision_model, theirs.text_model
    found = [
        (ours.logit_scale, [theirs.logit_scale]),
        (ours.vision_projection.weight, [theirs.visual_projection.weight]),
        (ours.text_projection.weight, [theirs.text_projection.weight]),
        (ours.vision.patches.weight, [vision.embeddings.patch_embedding.weight]),
        (ours.vision.class_token, [vision.embeddings.class_embedding]),
        (ours.vision.position_embedding.weight, [vision.embeddings.position_embedding.weight]),
        (ours.text.token_embedding.weight, [text.embeddings.token_embedding.weight]),
        (ours.text.position_embedding.weight, [text.embeddings.position_embedding.weight]),
    ]
    modules = [
        (ours.vision.first_norm, [vision.pre_layrnorm]),
        (ours.vision.encoder.final_norm, [vision.post_layernorm]),
        (ours.text.encoder.final_norm, [text.final_layer_norm]),
    ]
    for tower, other in ((ours.vision, vision), (ours.text, text)):
        for block, layer in zip(tower.encoder.blocks, other.encoder.layers, strict=True):
            attend = layer.self_attn
            modules += [
                (block.attention_norm, [layer.layer_norm1]),
                (block.attention.qkv, [attend.q_proj, attend.k_proj, attend.v_proj]),
                (block.attention.project, [attend.out_proj]),
                (block.mlp_norm, [layer.layer_norm2]),
                (block.mlp.expand, [layer.mlp.fc1]),
                (block.mlp.contract, [layer.mlp.fc2]),
            ]
    for module, others in modules:
        found += [(module.weight, [m.weight for m in others]), (module.bias, [m.bias for m in others])]
    return found


def both() -> tuple[CLIP, CLIPModel]:
    torch.manual_seed(0)
    theirs, ours = randomised(reference()), CLIP(SIZES)
    matched = pairs(ours, theirs)
    assert len(matched) == len(list(ours.parameters()))
    assert sum(len(parts) for _, parts in matched) == len(list(theirs.parameters()))
    with torch.no_grad():
        for parameter, parts in matched:
            parameter.copy_(torch.cat(parts) if parts[0].ndim else parts[0])
    return ours, theirs


def batch() -> tuple[Tensor, Tensor]:
    """Five pictures and texts; the ends of the texts stand at different places."""
    tokens = torch.randint(1, 39, (5, 9))
    for row, end in enumerate((8, 3, 1, 5, 7)):
        tokens[row, end] = 40
        tokens[row, end + 1 :] = 0
    return torch.randn(5, 3, 21, 21), tokens


def test_vectors_loss_and_gradients_agree() -> None:
    ours, theirs = both()
    pictures, tokens = batch()
    expected = theirs(input_ids=tokens, pixel_values=pictures, return_loss=True)
    logits = ours(pictures, tokens)
    for found, wanted in (
        (ours.embed_pictures(pictures), expected.image_embeds),
        (ours.embed_texts(tokens), expected.text_embeds),
        (logits, expected.logits_per_image),
        (logits.T, expected.logits_per_text),
        (contrastive_loss(logits), expected.loss),
        (ours.loss(pictures, tokens), expected.loss),
    ):
        assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    contrastive_loss(logits).backward()
    expected.loss.backward()
    for parameter, parts in pairs(ours, theirs):
        gradients = [part.grad for part in parts]
        wanted = torch.cat(gradients) if parts[0].ndim else gradients[0]
        assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-4)


def swap_heads(model: CLIP) -> None:
    weight = model.vision.encoder.blocks[1].attention.qkv.weight
    weight.copy_(weight.view(3, 5, -1, 30).transpose(1, 2).reshape(weight.shape))


def swap_pixels(model: CLIP) -> None:
    model.vision.patches.weight.copy_(model.vision.patches.weight.transpose(2, 3).clone())


def see_the_future(model: CLIP) -> None:
    for block in model.text.encoder.blocks:
        block.attention.causal = False


def exact_gelu(model: CLIP) -> None:
    for block in model.text.encoder.blocks:
        block.mlp.activation = "gelu"


@pytest.mark.parametrize("perturb", [swap_heads, swap_pixels, see_the_future, exact_gelu])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb: Callable[[CLIP], None]) -> None:
    ours, theirs = both()
    pictures, tokens = batch()
    expected = theirs(input_ids=tokens, pixel_values=pictures).logits_per_image
    assert_close(ours(pictures, tokens), expected, rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(pictures, tokens), expected, rtol=1e-5, atol=1e-5)


def test_saved_and_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, again = randomised(CLIP(SIZES)), CLIP(SIZES)
    torch.save(model.state_dict(), tmp_path / "clip.pt")
    again.load_state_dict(torch.load(tmp_path / "clip.pt", weights_only=True))
    pictures, tokens = batch()
    assert_close(again(pictures, tokens), model(pictures, tokens), rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [dict(image_size=20), dict(temperature=0.0), dict(text_heads=3)])
def test_wrong_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        CLIPConfig(**wrong)
