"""Our SASRec against ``torch.nn.TransformerEncoder`` in the paper's layout: logits, loss, gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.sasrec import SASRec, SASRecConfig

from .random_weights import randomised

N_ITEMS, CONTEXT, D_MODEL, N_HEAD, D_HIDDEN, N_LAYER = 29, 11, 35, 5, 23, 3


class Reference(nn.Module):
    """Items and positions, torch's causal encoder, products with the items' vectors. Padding is ``N_ITEMS``."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(N_ITEMS + 1, D_MODEL)
        self.positions = nn.Embedding(CONTEXT, D_MODEL)
        layer = nn.TransformerEncoderLayer(
            D_MODEL, N_HEAD, D_HIDDEN, dropout=0.0, activation="relu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, N_LAYER, norm=nn.LayerNorm(D_MODEL), enable_nested_tensor=False
        )

    def forward(self, items: Tensor) -> Tensor:
        time = items.shape[1]
        x = self.items(items) + self.positions(torch.arange(CONTEXT - time, CONTEXT))
        later = torch.triu(torch.ones(time, time, dtype=torch.bool), diagonal=1)
        later = later | (items == N_ITEMS)[:, None, :]  # nothing sees padding, but a position itself
        later = later & ~torch.eye(time, dtype=torch.bool)
        x = self.encoder(x, mask=later.repeat_interleave(N_HEAD, dim=0))
        return x @ self.items.weight[:N_ITEMS].T


def both() -> tuple[SASRec, Reference]:
    theirs = randomised(Reference())
    ours = SASRec(SASRecConfig(N_ITEMS, CONTEXT, D_MODEL, N_LAYER, N_HEAD, D_HIDDEN)).eval()
    with torch.no_grad():
        ours.item_embedding.weight.copy_(theirs.items.weight[:N_ITEMS])
        for ours_, theirs_ in pairs(ours, theirs):
            ours_.copy_(theirs_)
    assert len(pairs(ours, theirs)) + 1 == len(list(ours.parameters()))
    return ours, theirs


def pairs(ours: SASRec, theirs: Reference) -> list[tuple[Tensor, Tensor]]:
    """Parameters of the same meaning, without the items' vectors."""
    found = [(ours.position_embedding.weight, theirs.positions.weight)]
    norms = [(ours.encoder.final_norm, theirs.encoder.norm)]
    for block, layer in zip(ours.encoder.blocks, theirs.encoder.layers, strict=True):
        norms += [
            (block.attention_norm, layer.norm1),
            (block.attention.project, layer.self_attn.out_proj),
            (block.mlp_norm, layer.norm2),
            (block.mlp.expand, layer.linear1),
            (block.mlp.contract, layer.linear2),
        ]
        found += [
            (block.attention.qkv.weight, layer.self_attn.in_proj_weight),
            (block.attention.qkv.bias, layer.self_attn.in_proj_bias),
        ]
    for one, other in norms:
        found += [(one.weight, other.weight), (one.bias, other.bias)]
    return found


@pytest.mark.parametrize("time", [CONTEXT, 8])
def test_logits_loss_and_gradients_agree(time: int) -> None:
    ours, theirs = both()
    items = torch.randint(N_ITEMS, (4, time))
    items[1, :3] = items[2, :5] = N_ITEMS  # padded on the left
    real = items != N_ITEMS
    expected = theirs(items)
    assert_close(ours(items)[real], expected[real], rtol=1e-5, atol=1e-5)
    told = real[:, :-1]
    loss = F.cross_entropy(theirs_on(theirs, items)[told], items[:, 1:][told])
    assert_close(ours.loss(items), loss, rtol=1e-5, atol=1e-5)
    ours.loss(items).backward()
    loss.backward()
    assert theirs.items.weight.grad is not None
    assert_close(ours.item_embedding.weight.grad, theirs.items.weight.grad[:N_ITEMS], rtol=1e-4, atol=1e-4)
    for ours_, theirs_ in pairs(ours, theirs):
        assert_close(ours_.grad, theirs_.grad, rtol=1e-4, atol=1e-4)


def theirs_on(theirs: Reference, items: Tensor) -> Tensor:
    """Logits for all items but the first."""
    logits: Tensor = theirs(items[:, :-1])
    return logits


def test_positions_that_begin_at_the_first_item_are_noticed() -> None:
    ours, theirs = both()
    items = torch.randint(N_ITEMS, (2, 8))
    with torch.no_grad():
        ours.position_embedding.weight.copy_(theirs.positions.weight.roll(-3, 0))
    with pytest.raises(AssertionError):
        assert_close(ours(items), theirs(items), rtol=1e-5, atol=1e-5)
