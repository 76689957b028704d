from __future__ import annotations

import torch

from largemodels.models.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    vocab_size=11, context_length=9, n_layer=2, n_decoder_layer=3, n_head=3, d_model=15, d_hidden=17
)


def test_shapes() -> None:
    model = Transformer(CONFIG)
    source, target = torch.randint(11, (4, 7)), torch.randint(11, (4, 5))
    assert model(source, target).shape == (4, 5, 11)
    assert model.encode(source).shape == (4, 7, 15)
