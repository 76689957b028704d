from __future__ import annotations

from pathlib import Path

import pytest
import torch

from largemodels.models.resnet import ResNet, ResNetConfig

TINY = dict(in_channels=1, stem_channels=6, channels=(6, 10), n_blocks=(2, 1), stem="small", n_classes=3)


@pytest.mark.parametrize(("block", "depth"), [("basic", 8), ("bottleneck", 11)])
@pytest.mark.parametrize("residual", [True, False])
def test_shapes_and_depth(block: str, depth: int, residual: bool) -> None:
    sizes = TINY if block == "basic" else TINY | {"channels": (8, 12)}
    config = ResNetConfig(**sizes, block=block, residual=residual)
    model, some = ResNet(config), torch.randn(4, 1, 9, 7)
    assert model(some).shape == (4, 3)
    assert model.features(some).shape == (4, config.channels[-1])
    assert config.depth == depth
    assert model.loss(some, torch.tensor([0, 1, 2, 0])).shape == ()


def test_a_plain_network_has_the_same_parameters_where_no_shortcut_has_any() -> None:
    one_stage = TINY | {"channels": (6,), "n_blocks": (3,), "block": "basic"}
    residual, plain = (ResNet(ResNetConfig(**one_stage, residual=residual)) for residual in (True, False))
    assert residual.n_parameters() == plain.n_parameters()
    plain.load_state_dict(residual.state_dict())
    some = torch.randn(4, 1, 9, 7)
    assert not torch.allclose(residual.eval()(some), plain.eval()(some))


def test_a_block_whose_last_scale_is_zero_passes_its_input_on() -> None:
    model = ResNet(ResNetConfig(**TINY, block="basic"))
    block = model.stages[0][1]
    torch.nn.init.zeros_(block.layers[-1].norm.weight)
    x = torch.rand(2, 6, 5, 7)
    assert torch.equal(block(x), x)


def test_save_and_load(tmp_path: Path) -> None:
    config = ResNetConfig(**TINY, block="basic")
    model, again, some = ResNet(config), ResNet(config), torch.randn(4, 1, 9, 7)
    model(some)  # moves the running means, which are saved too
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(model.eval()(some), again.eval()(some))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": "wide"}, "block must be one of basic, bottleneck, not 'wide'"),
        ({"stem": "none"}, "stem must be one of large, small"),
        ({"n_blocks": (1,)}, "same length"),
        ({"channels": (6, 10, 12, 16)}, "multiples of 4"),
    ],
)
def test_faults(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNetConfig(**change)
