"""Third study of the chapter "Attention": what do rotary networks lose in longer texts?

    make study NAME=02_concepts/attention_window

One thread, about 3 minutes. An interrupted study goes on where it stopped.

The rotary networks of the first study are trained again. In texts of 256 symbols their attention is
then kept to distances that training has shown, by a window of 32 places in the first block, in the
second, or in both, or by a window in the first and no rotation in the second. None of this is
trained any further. Beside them, the same network trained on texts of 256 symbols, with as many
symbols a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attention_study as first
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models import rotary

RATE = 0.03  # the best of the first study
#           name: (blocks that are rotated, blocks with a window)
CONDITIONS = {
    "as trained": ((0, 1), ()),
    "window in block 1": ((0, 1), (0,)),
    "window in block 2": ((0, 1), (1,)),
    "windows in both": ((0, 1), (0, 1)),
    "window in block 1, no rotation in block 2": ((0,), (0,)),
}


class Windowed(first.Placed):
    """The rotary network, some blocks of which see the last 32 places only."""

    windows: tuple[int, ...] = ()

    def hidden(self, tokens: Tensor, mask: object = None, cache: object = None) -> Tensor:
        """The final hidden states, (batch, time, d_model)."""
        place = torch.arange(tokens.shape[1])
        back = place[:, None] - place  # (queries, keys): how far a key lies behind
        near = ((back >= 0) & (back < first.TRAINED))[None, None]
        turn = rotary.rotation(place, self.config.d_head)
        x = self.token_embedding(tokens)
        for layer, block in enumerate(self.blocks):
            seen = near if layer in self.windows else None
            x = block(x, seen, turn if layer in self.rotated else None)
        return self.final_norm(x)


def batches(seed: int, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of one length, with as many symbols as in the first study."""
    text, draw = first.symbols("train"), torch.Generator().manual_seed(seed)
    while True:
        yield first.look_ups(text, length, first.BATCH_SIZE * first.TRAINED // length, draw)


def train(length: int, seed: int) -> dict[str, float]:
    """Train one network on texts of a length; test it under all conditions."""
    torch.manual_seed(seed)
    network = Windowed("rotary")
    recipe = lm.TrainingConfig(
        steps=first.STEPS,
        learning_rate=RATE,
        warmup_steps=first.STEPS // 20,
        weight_decay=0.0,
        evaluate_every=first.STEPS,
    )
    lm.train(network, batches(seed, length), recipe)
    row = {}
    for name, (network.rotated, network.windows) in CONDITIONS.items():
        for place, share in first.shares(network, "test", first.LONGEST, 256).items():
            row[f"{name}, {place}"] = share
        if length > first.TRAINED:
            return row
    factor = math.log(first.LONGEST) / math.log(first.TRAINED)
    network.blocks[1].attention.q_norm.weight.data.mul_(factor)
    sharper = first.shares(network, "test", first.LONGEST, 256)
    return row | {f"{name}, sharper, {place}": share for place, share in sharper.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/attention_window")
    for length in (first.TRAINED, first.LONGEST):
        for seed in first.TEST_SEEDS:
            study.row(train, length=length, seed=seed)
    study.save()
