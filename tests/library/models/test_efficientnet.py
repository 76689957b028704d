from __future__ import annotations

from pathlib import Path

import pytest
import torch

from largemodels.models.efficientnet import EfficientNetLite, EfficientNetLiteConfig

TINY = EfficientNetLiteConfig(
    in_channels=2,
    stem_channels=5,
    stages=((1, 3, 1, 1, 7), (2, 5, 2, 3, 9)),
    head_channels=11,
    n_classes=3,
)


def test_shapes() -> None:
    model, some = EfficientNetLite(TINY).eval(), torch.randn(4, 2, 23, 18)
    assert model(some).shape == (4, 3)
    assert model.features(some).shape == (4, 11)
    assert [block.residual for block in model.blocks] == [False, False, True]
    assert model.stem(some).shape == (4, 5, 12, 9)  # halved and rounded up


def test_dropout_acts_in_training_only() -> None:
    model = EfficientNetLite(TINY)
    model.stem.norm.momentum = 0.0
    some = torch.randn(4, 2, 23, 18)
    assert not torch.equal(model(some), model(some))
    model.eval()
    assert torch.equal(model(some), model(some))


def test_save_and_load(tmp_path: Path) -> None:
    model, again, some = EfficientNetLite(TINY), EfficientNetLite(TINY), torch.randn(4, 2, 23, 18)
    model(some)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(model.eval()(some), again.eval()(some))


@pytest.mark.parametrize(
    ("change", "message"), [({"stages": ()}, "one stage"), ({"dropout": -0.1}, "at least 0")]
)
def test_faults(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EfficientNetLiteConfig(**change)
