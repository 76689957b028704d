from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from largemodels.models.recogniser import KINDS, Recogniser, RecogniserConfig


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [1, 3])
def test_padding_has_no_effect(kind: str, stride: int) -> None:
    torch.manual_seed(0)
    config = RecogniserConfig(7, 5, 12, 2, kind, 5, stride)
    model = Recogniser(config).double().eval()
    x, lengths = torch.randn(2, 31, 5, dtype=torch.double), torch.tensor([31, 17])
    x[1, 17:] = 0
    whole, alone = model(x, lengths), model(x[1:, :17], lengths[1:])
    n = int(model.frames(lengths)[1])
    assert n == alone.shape[1]
    torch.testing.assert_close(whole[1, :n], alone[0])
    torch.testing.assert_close(whole.exp().sum(-1), torch.ones(whole.shape[:2], dtype=torch.double))


def test_both_directions_are_those_of_torch() -> None:
    torch.manual_seed(0)
    model = Recogniser(RecogniserConfig(7, 5, 12, 1)).eval()
    layer = model.layers[0]
    both = nn.LSTM(12, 6, batch_first=True, bidirectional=True)
    for name, it in layer.onward.named_parameters():
        getattr(both, name).data.copy_(it)
        getattr(both, f"{name}_reverse").data.copy_(getattr(layer.back, name))
    x = torch.randn(1, 9, 12)
    torch.testing.assert_close(layer(x, torch.tensor([9])), x + both(layer.norm(x))[0])


def test_loss_is_per_letter_and_may_not_fit() -> None:
    torch.manual_seed(0)
    model = Recogniser(RecogniserConfig(7, 5, 12, 1, stride=1)).eval()
    x, lengths = torch.randn(1, 9, 5), torch.tensor([9])
    text = torch.tensor([[1, 2, 2]])
    loss = model.loss(x, lengths, text, torch.tensor([3]))
    wanted = F.ctc_loss(model(x, lengths).transpose(0, 1), text, lengths, torch.tensor([3]))
    torch.testing.assert_close(loss, wanted)
    assert model.loss(x[:, :3], torch.tensor([3]), text, torch.tensor([3])) == 0


def test_refuses_odd_sizes() -> None:
    with pytest.raises(ValueError, match="even"):
        RecogniserConfig(d_model=13)
    with pytest.raises(ValueError, match="kind"):
        RecogniserConfig(kind="other")
