"""Our Transformer that reads sound against ``torch.nn.Transformer``, which gets the adapted sound as its source.

The reference and the names of its weights are those of ``test_transformer.py``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.positions import sinusoidal
from largemodels.models.speech_translator import SpeechTranslator, SpeechTranslatorConfig
from tests.parity.test_transformer import CONFIG, PAD, Whole, from_torch, randomised

BATCH, SOURCE, TARGET, D_SOURCE = 3, 11, 7, 19


class Reads(nn.Module):
    """``torch.nn.Transformer`` behind torch's LayerNorm and a linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = Whole(replace(CONFIG, norm_first=True, source_vocab_size=2))
        self.norm, self.map = nn.LayerNorm(D_SOURCE), nn.Linear(D_SOURCE, CONFIG.d_model)

    def forward(self, source: Tensor, target: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
        d_model, time = CONFIG.d_model, target.shape[1]
        found: Tensor = self.whole.network(
            self.map(self.norm(source)) + sinusoidal(source.shape[1], d_model),
            self.whole.target_embedding(target) * math.sqrt(d_model) + sinusoidal(time, d_model),
            tgt_mask=torch.ones(time, time).triu(1).bool(),
            src_key_padding_mask=~source_mask,
            memory_key_padding_mask=~source_mask,
            tgt_key_padding_mask=~target_mask,
        )
        logits: Tensor = self.whole.head(found)
        return logits


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_torch() -> None:
    theirs = randomised(Reads()).eval()
    sizes = asdict(CONFIG) | {"norm_first": True, "source_vocab_size": None, "d_source": D_SOURCE}
    ours = SpeechTranslator(SpeechTranslatorConfig(**sizes))
    weights = from_torch(theirs.whole.named_parameters())
    del weights["source_embedding.weight"]
    for name, tensor in (("source_norm", theirs.norm), ("adapter", theirs.map)):
        weights |= {f"{name}.weight": tensor.weight, f"{name}.bias": tensor.bias}
    ours.load_state_dict(weights)
    ours.eval()
    source, target = torch.randn(BATCH, SOURCE, D_SOURCE), torch.randint(PAD, (BATCH, TARGET))
    source_mask, target_mask = torch.ones(BATCH, SOURCE).bool(), torch.ones(BATCH, TARGET).bool()
    source_mask[1, 8:] = source_mask[2, 3:] = target_mask[0, 4:] = False
    theirs.train()  # no fast path; dropout is 0
    expected = theirs(source, target, source_mask, target_mask)
    found = ours(source, target, source_mask, target_mask)
    assert_close(found[target_mask], expected[target_mask], rtol=1e-5, atol=1e-5)
    alone = ours(source[2:, :3], target[2:])  # padding has no effect
    assert_close(alone, found[2:], rtol=1e-5, atol=1e-5)
