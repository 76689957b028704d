from __future__ import annotations

from pathlib import Path

import pytest
import torch

from largemodels.models.alexnet import AlexNet, AlexNetConfig

TINY = AlexNetConfig(
    in_channels=2,
    channels=(5, 7),
    kernels=(3, 5),
    paddings=(1, 2),
    stride=1,
    pooled=(0,),
    grid=2,
    d_hidden=11,
    n_classes=3,
)


def test_shapes() -> None:
    model = AlexNet(TINY).eval()
    some = torch.randn(4, 2, 9, 13)
    assert model.features(some).shape == (4, 7, 2, 2)
    assert model(some).shape == (4, 3)
    assert model.loss(some, torch.tensor([0, 1, 2, 0])).shape == ()


def test_dropout_acts_in_training_only() -> None:
    model, some = AlexNet(TINY), torch.randn(4, 2, 9, 13)
    assert not torch.equal(model(some), model(some))
    model.eval()
    assert torch.equal(model(some), model(some))


def test_save_and_load(tmp_path: Path) -> None:
    model, again = AlexNet(TINY).eval(), AlexNet(TINY).eval()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    some = torch.randn(4, 2, 9, 13)
    assert torch.equal(model(some), again(some))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": (5,)}, "same length"),
        ({"pooled": (5,)}, r"convolutions 0 to 4, not \(5,\)"),
        ({"dropout": 1.0}, "below 1, not 1.0"),
    ],
)
def test_faults(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlexNetConfig(**change)
