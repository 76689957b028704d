"""The U-Net beside its comparison with diffusers: odd sizes, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from largemodels.models.unet import UNet, UNetConfig


def test_any_number_of_resolutions_and_unequal_sides() -> None:
    for channels in ((4,), (4, 6), (2, 6, 4, 8)):
        model = UNet(UNetConfig(picture_channels=3, channels=channels, n_classes=2, groups=2))
        x = torch.randn(5, 3, 16, 24)
        assert model(x, torch.rand(5), torch.tensor([0, 1, 2, 0, 1])).shape == x.shape


def test_pictures_do_not_see_each_other_and_labels_and_times_count() -> None:
    torch.manual_seed(0)
    model = UNet(UNetConfig(channels=(8, 16))).eval()
    for block in [*model.before, *model.after]:
        torch.nn.init.normal_(block.conv_2.weight, std=0.1)
    x, times, labels = torch.randn(3, 1, 6, 10), torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0, 4, 10])
    every = model(x, times, labels)
    torch.testing.assert_close(model(x[:1], times[:1], labels[:1]), every[:1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(model(x, times.flip(0), labels)[0], every[0], atol=1e-4)
    assert not torch.allclose(model(x, times, labels.flip(0))[0], every[0], atol=1e-4)


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"channels": (12,)}, {"d_time": 7}, {"n_classes": 0}, {"groups": 0}]
)
def test_impossible_sizes_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        UNetConfig(**wrong)
