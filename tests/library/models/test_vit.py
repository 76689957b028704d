from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from largemodels.data.batches import shuffled
from largemodels.models.vit import ViT, ViTConfig, patches
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train
from largemodels.training.optimizers import make_optimizers

TINY = dict(image_size=12, patch_size=4, in_channels=2, n_classes=5, d_model=24, n_layer=2, n_head=3)


def test_patches_are_squares_row_by_row() -> None:
    pictures = torch.randn(3, 2, 8, 12)
    cut = patches(pictures, 4)
    assert cut.shape == (3, 6, 32)
    assert torch.equal(cut[1, 4].view(2, 4, 4), pictures[1, :, 4:8, 4:8])  # second row, second column


def test_one_matrix_on_patches_is_a_convolution_with_that_stride() -> None:
    model, pictures = ViT(ViTConfig(**TINY)), torch.randn(3, 2, 12, 12)
    kernels = model.patch_embedding.weight.view(24, 2, 4, 4)
    expected = torch.nn.functional.conv2d(pictures, kernels, model.patch_embedding.bias, stride=4)
    found = model.patch_embedding(patches(pictures, 4))
    assert_close(found, expected.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("distilled", [False, True])
def test_shapes(distilled: bool) -> None:
    model, pictures = ViT(ViTConfig(**TINY, distilled=distilled)), torch.randn(3, 2, 12, 12)
    assert model.hidden(pictures).shape == (3, 9 + 1 + distilled, 24)
    assert model(pictures).shape == (3, 5)
    assert model.loss(pictures, torch.tensor([0, 4, 2])).shape == ()


def test_sizes_of_the_published_models() -> None:
    with torch.device("meta"):
        # Table 1 of the DeiT paper: 5, 22 and 86 million, without the second token and classifier.
        sizes = {"tiny": (192, 3, 5.7), "small": (384, 6, 22.1), "base": (768, 12, 86.6)}
        for width, heads, millions in sizes.values():
            model = ViT(ViTConfig(d_model=width, n_head=heads))
            assert model.n_parameters() / 1e6 == pytest.approx(millions, abs=0.05)


def test_without_positions_the_order_of_patches_does_not_matter_and_with_them_it_does() -> None:
    model, pictures = ViT(ViTConfig(**TINY)).eval(), torch.randn(2, 2, 12, 12)
    moved = pictures.roll(4, dims=2)  # whole rows of patches change places
    assert not torch.allclose(model(pictures), model(moved), atol=1e-6)
    torch.nn.init.zeros_(model.position_embedding.weight)
    assert_close(model(pictures), model(moved), rtol=1e-5, atol=1e-6)


def test_starting_weights() -> None:
    torch.manual_seed(0)
    model = ViT(ViTConfig(**TINY, distilled=True))
    assert all(not bias.any() for name, bias in model.named_parameters() if name.endswith("bias"))
    weights = torch.cat(
        [m.weight.detach().flatten() for m in model.modules() if isinstance(m, torch.nn.Linear)]
    )
    assert weights.abs().max() <= 0.04
    assert weights.std().item() == pytest.approx(
        0.0176, abs=0.0005
    )  # a normal cut off at two deviations: 0.88 × 0.02


def test_it_learns_with_either_optimiser() -> None:
    torch.manual_seed(0)
    pictures, labels = torch.randn(16, 2, 12, 12), torch.arange(16) % 5
    for optimizer in ("adamw", "muon"):
        model = ViT(ViTConfig(**TINY))
        before = model.loss(pictures, labels).item()
        data = shuffled(pictures, labels, batch_size=16, seed=0)
        train(model, data, TrainingConfig(steps=60, learning_rate=5e-3, optimizer=optimizer))
        assert model.eval().loss(pictures, labels).item() < before / 4


def test_muon_takes_the_blocks_only() -> None:
    model = ViT(ViTConfig(**TINY, distilled=True))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    muon, _ = make_optimizers(model, TrainingConfig(steps=1, optimizer="muon"))
    found = [names[id(p)] for group in muon.param_groups for p in group["params"]]
    assert len(found) == 2 * 4
    assert all(name.startswith("encoder.blocks.") for name in found)


def test_dropout_acts_on_the_embeddings_too_and_only_in_training() -> None:
    model, pictures = ViT(ViTConfig(**TINY, dropout=0.5)), torch.randn(1, 2, 12, 12)
    for block in model.encoder.blocks:  # blocks that pass their input on
        torch.nn.init.zeros_(block.attention.project.weight)
        torch.nn.init.zeros_(block.mlp.contract.weight)
    assert not torch.equal(model.hidden(pictures), model.hidden(pictures))
    model.eval()
    assert torch.equal(model.hidden(pictures), model.hidden(pictures))


@pytest.mark.parametrize("distilled", [False, True])
def test_save_and_load(tmp_path: Path, distilled: bool) -> None:
    config = ViTConfig(**TINY, distilled=distilled)
    model, again, some = ViT(config), ViT(config), torch.randn(2, 2, 12, 12)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(model(some), again(some))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 5}, r"image_size \(12\) must be a multiple of patch_size \(5\)"),
        ({"n_head": 5}, r"d_model \(24\) must be a multiple of n_head \(5\)"),
        ({"n_classes": 0}, "n_classes"),
        ({"dropout": 1.5}, "dropout"),
    ],
)
def test_faults_of_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViTConfig(**(TINY | change))


def test_faults_of_use() -> None:
    model = ViT(ViTConfig(**TINY))
    with pytest.raises(ValueError, match=r"of shape \(2, 12, 12\), not \(2, 12, 16\)"):
        model(torch.randn(3, 2, 12, 16))
    with pytest.raises(ValueError, match="distilled=True"):
        model.both(torch.randn(3, 2, 12, 12))
