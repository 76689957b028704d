"""SASRec: padding, order, the loss, and what is refused. Its parity with torch's layers: ``tests/parity``."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.sasrec import SASRec, SASRecConfig


def model(**changed: float) -> SASRec:
    torch.manual_seed(0)
    return SASRec(SASRecConfig(13, **{"context_length": 7, "d_model": 10, "n_head": 2} | changed)).eval()


def test_histories_are_cut_and_padded_on_the_left() -> None:
    rows = model(context_length=4).padded([[1, 2], [5, 4, 3, 2, 1], []])
    assert rows.tolist() == [[13, 13, 1, 2], [4, 3, 2, 1], [13, 13, 13, 13]]
    assert model().padded([[1, 2]], 3).tolist() == [[13, 1, 2]]


@torch.no_grad()
def test_padding_and_a_shorter_tensor_change_nothing() -> None:
    net = model()
    assert_close(net(net.padded([[3, 1, 4]], 7))[:, -3:], net(torch.tensor([[3, 1, 4]])))


@torch.no_grad()
def test_an_item_does_not_see_later_ones_and_order_matters() -> None:
    net = model()
    for parameter in net.parameters():
        parameter.normal_()
    one, other = torch.tensor([[3, 1, 4, 2]]), torch.tensor([[3, 1, 4, 9]])
    assert_close(net(one)[:, :3], net(other)[:, :3])
    assert not torch.allclose(net(one)[:, -1], net(torch.tensor([[1, 3, 4, 2]]))[:, -1])


def test_the_loss_is_over_real_items_alone() -> None:
    net = model()
    short, long = torch.tensor([[3, 1, 4]]), net.padded([[3, 1, 4]], 6)
    assert_close(net.loss(long), net.loss(short))
    logits = net(short[:, :-1])
    assert_close(net.loss(short), torch.nn.functional.cross_entropy(logits[0], short[0, 1:]))


def test_a_few_steps_learn_a_cycle() -> None:
    net = model(dropout=0.0).train()
    items = torch.arange(8)[None] % 5
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        optimiser.zero_grad()
        net.loss(items).backward()
        optimiser.step()
    assert net(items[:, :-1]).argmax(dim=2).tolist() == items[:, 1:].tolist()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="8 items do not fit into a context of 7"):
        model()(torch.zeros(1, 8, dtype=torch.long))
    with pytest.raises(ValueError, match="n_items"):
        SASRecConfig(0)
    with pytest.raises(ValueError, match="multiple of n_head"):
        SASRecConfig(5, d_model=7, n_head=2)
