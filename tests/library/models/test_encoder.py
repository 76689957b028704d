from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.encoder import Encoder, EncoderConfig

CONFIG = EncoderConfig(d_model=18, n_layer=2, n_head=3, d_hidden=31)


def test_padding_changes_nothing_for_real_positions() -> None:
    encoder, x = Encoder(CONFIG), torch.randn(2, 7, 18)
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]]).bool()
    noisy = torch.where(mask[..., None], x, torch.randn_like(x))
    assert_close(encoder(x, mask)[mask], encoder(noisy, mask)[mask])
    assert_close(encoder(x, mask)[0, :5], encoder(x[:1, :5])[0])
    assert not torch.allclose(encoder(x)[0, :5], encoder(x[:1, :5])[0])


def test_a_causal_one_does_not_look_ahead() -> None:
    torch.manual_seed(0)
    causal, both_ways = (
        Encoder(EncoderConfig(d_model=18, n_layer=2, n_head=3, causal=causal)) for causal in (True, False)
    )
    both_ways.load_state_dict(causal.state_dict())
    x = torch.randn(2, 7, 18)
    assert_close(causal(x)[:, :4], causal(x[:, :4]))
    assert not torch.allclose(both_ways(x)[:, :4], both_ways(x[:, :4]))


@pytest.mark.parametrize("activation", ["quick_gelu", "swiglu"])
@pytest.mark.parametrize("norm", ["layernorm", "rmsnorm"])
def test_every_parameter_has_a_gradient(activation: str, norm: str) -> None:
    encoder = Encoder(
        EncoderConfig(d_model=18, n_layer=2, n_head=3, activation=activation, norm=norm, bias=False)
    )
    (encoder(torch.randn(2, 5, 18)) * torch.randn(2, 5, 18)).sum().backward()
    assert not [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]


def test_dropout_only_in_training() -> None:
    encoder, x = Encoder(EncoderConfig(d_model=18, n_layer=1, n_head=3, dropout=0.5)), torch.randn(1, 5, 18)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 0}, "n_layer must be at least 1"),
        ({"d_model": 16, "n_head": 3}, "multiple of n_head"),
        ({"activation": "silu"}, "activation must be one of"),
        ({"norm": "batchnorm"}, "norm must be one of"),
        ({"dropout": 1.0}, "dropout must be"),
    ],
)
def test_a_bad_config_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**change)
