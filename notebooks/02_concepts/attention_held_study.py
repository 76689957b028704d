"""Fourth study of the chapter "Attention": are rotations by long distances what does harm?

    make study NAME=02_concepts/attention_held

One thread, about 2 minutes. An interrupted study goes on where it stopped.

The rotary networks of the first study are trained once more. In texts of 256 symbols nothing is
hidden from them, but a key more than 31 places behind, the farthest that training has shown, is
rotated against the query as if it were 31 behind: in the first block, in the second, in both, or in
the first with no rotation in the second. None of this is trained any further.
"""

from __future__ import annotations

import attention_study as first
import attention_window_study as third
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models import rotary

FARTHEST = first.TRAINED - 1
#           name: (blocks that are rotated, those of them in which the distance is held)
CONDITIONS = {
    "as trained": ((0, 1), ()),
    "held in block 1": ((0, 1), (0,)),
    "held in block 2": ((0, 1), (1,)),
    "held in both": ((0, 1), (0, 1)),
    "held in block 1, no rotation in block 2": ((0,), (0,)),
}


def held(layer: lm.Attention, x: Tensor, as_if: int = FARTHEST) -> Tensor:
    """Causal attention whose rotation takes every distance above 31 as 31, or as another one."""
    heads = layer.qkv(x).unflatten(-1, (-1, layer.d_head)).transpose(1, 2)
    q, k, v = heads.chunk(3, dim=1)  # (batch, heads, time, d_head)
    q, k = layer.q_norm(q), layer.k_norm(k)
    place = torch.arange(x.shape[1])
    back = place[:, None] - place  # (queries, keys): how far a key lies behind
    turn = rotary.rotation(place, layer.d_head)
    near = rotary.rotate(q, *turn) @ rotary.rotate(k, *turn).mT
    far = rotary.rotate(q, *rotary.rotation(torch.tensor([as_if]), layer.d_head)) @ k.mT
    scores = near.where(back <= FARTHEST, far) / layer.d_head**0.5
    weights = scores.masked_fill(back < 0, -torch.inf).softmax(dim=-1)
    return layer.project((weights @ v).transpose(1, 2).flatten(2))


class Held(third.Windowed):
    """The rotary network, in some blocks of which the rotation distance is held at 31."""

    held: tuple[int, ...] = ()
    as_if = FARTHEST

    def hidden(self, tokens: Tensor, mask: object = None, cache: object = None) -> Tensor:
        """The final hidden states, (batch, time, d_model)."""
        turn = rotary.rotation(torch.arange(tokens.shape[1]), self.config.d_head)
        x = self.token_embedding(tokens)
        for layer, block in enumerate(self.blocks):
            if layer in self.held:
                x = x + held(block.attention, block.attention_norm(x), self.as_if)
                x = x + block.mlp(block.mlp_norm(x))
            else:
                x = block(x, None, turn if layer in self.rotated else None)
        return self.final_norm(x)


def trained(seed: int) -> Held:
    """One network, trained as in the first study."""
    torch.manual_seed(seed)
    network = Held("rotary")
    recipe = lm.TrainingConfig(
        steps=first.STEPS,
        learning_rate=third.RATE,
        warmup_steps=first.STEPS // 20,
        weight_decay=0.0,
        evaluate_every=first.STEPS,
    )
    lm.train(network, third.batches(seed, first.TRAINED), recipe)
    return network


def train(seed: int) -> dict[str, float]:
    """Train one network; test it under all conditions."""
    network, row = trained(seed), {}
    for name, (network.rotated, network.held) in CONDITIONS.items():
        for place, share in first.shares(network, "test", first.LONGEST, 256).items():
            row[f"{name}, {place}"] = share
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/attention_held")
    for seed in first.TEST_SEEDS:
        study.row(train, seed=seed)
    study.save()
