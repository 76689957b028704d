"""Attributions equal those of captum; a patch equals a hook on the model of transformers."""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion, Saliency
from torch import nn

from largemodels.models.gpt import GPT
from largemodels.objectives.attribution import grad_cam, gradient, integrated_gradients, occlusion, patched
from largemodels.pretrained.gpt import gpt_from_transformers


def network() -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    """A small network, five pictures of odd size, and what is explained."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 7, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 4 * 5, 3),
    )  # fmt: skip
    return model.eval(), torch.randn(5, 2, 9, 11), torch.tensor([2, 0, 1, 1, 2])


def test_gradient() -> None:
    model, x, target = network()
    theirs = Saliency(model).attribute(x.clone().requires_grad_(), target=target, abs=False)
    torch.testing.assert_close(gradient(model, x, target), theirs)


def test_integrated_gradients() -> None:
    model, x, target = network()
    baseline = torch.randn(1, 2, 9, 11)
    theirs = IntegratedGradients(model).attribute(
        x, baseline, target=target, n_steps=13, method="riemann_middle"
    )
    ours = integrated_gradients(model, x, target, baseline=baseline, steps=13)
    torch.testing.assert_close(ours, theirs.float(), atol=1e-5, rtol=1e-4)


def test_grad_cam() -> None:
    model, x, target = network()
    theirs = LayerGradCam(model, model[3]).attribute(x, target=target, relu_attributions=True)
    torch.testing.assert_close(grad_cam(model, model[3], x, target), theirs.detach())
    assert theirs.max() > 0


def test_occlusion() -> None:
    model, x, target = network()
    theirs = Occlusion(model).attribute(
        x, (2, 3, 3), strides=(2, 2, 2), target=target, baselines=0.25
    )  # both colours at once
    ours = occlusion(model, x, target, size=3, stride=2, fill=0.25)
    torch.testing.assert_close(ours.expand_as(theirs), theirs)


def test_patching(tmp_path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=23, hidden_size=16, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=16, tie_word_embeddings=True,
    )  # fmt: skip
    theirs = LlamaForCausalLM(config).eval()
    theirs.save_pretrained(tmp_path)
    ours: GPT = gpt_from_transformers(tmp_path).eval()
    tokens, value = torch.randint(23, (2, 7)), torch.randn(2, 16)

    def change(module: nn.Module, given: object, out: torch.Tensor) -> torch.Tensor:
        out = out.clone()
        out[:, 4] = value
        return out

    handle = theirs.model.layers[1].register_forward_hook(change)
    with torch.no_grad():
        wanted = theirs(tokens).logits
        handle.remove()
        plain = theirs(tokens).logits
        with patched(ours.blocks[1], 4, value):
            found = ours(tokens)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert (wanted - plain)[:, 4:].abs().max() > 0.01
