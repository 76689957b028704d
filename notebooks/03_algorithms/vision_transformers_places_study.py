"""Seventh study of the chapter "Vision Transformers": which harm is to places, and which to shapes?

    make study NAME=03_algorithms/vision_transformers_places

One thread, about 6 minutes, after vision_transformers_copies. Vision Transformers learn as in that
study, in 1,200 steps: without copies, with copies, and without copies as a "bag", whose position
vectors are zero and stay so. Then all test pictures are shifted sideways by four pixels and by
seven, a whole patch. Of those with places, four of sixteen patches are also taken away, once by
painting them black and once by leaving out their tokens, so that twelve remain.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import vision_transformers_copies_study as second
import vision_transformers_study as first
from torch import Tensor

import largemodels as lm
from largemodels.models.vit import patches

SHIFTS = {"right_4": 4, "left_4": -4, "right_7": 7, "left_7": -7}  # in pixels


@torch.no_grad()
def answers(model: lm.ViT, pictures: Tensor) -> Tensor:
    """The class of each picture."""
    return torch.cat([model.eval()(it).argmax(1) for it in pictures.split(500)])


def lost(model: lm.ViT, pictures: Tensor, labels: Tensor) -> dict[str, float]:
    """Of the answers that are right, per cent that are wrong once all pictures are shifted."""
    right = answers(model, pictures) == labels
    return {
        f"lost_{name}": 100
        * (answers(model, F.pad(pictures, (it, -it))) != labels)[right]
        .float()
        .mean()
        .item()
        for name, it in SHIFTS.items()
    }


@torch.no_grad()
def removed(model: lm.ViT, pictures: Tensor, scores: Tensor) -> Tensor:
    """The classes when the tokens of the four highest scores ``(batch, 16)`` are left out."""
    x = model.eval().patch_embedding(patches(pictures, first.PATCH))
    places = model.position_embedding.weight
    n_kept = scores.shape[1] - second.HIDDEN
    kept = scores.topk(n_kept, dim=1, largest=False).indices
    x = (x + places[1:]).gather(1, kept[:, :, None].expand(-1, -1, x.shape[2]))
    special = (model.special.weight + places[:1]).expand(len(x), 1, -1)
    found: Tensor = model.head(model.encoder(torch.cat([special, x], dim=1))[:, 0])
    return found.argmax(1)


def taken(model: lm.ViT, seed: int, pictures: Tensor, labels: Tensor) -> dict[str, float]:
    """Wrong answers in per cent without four patches, chosen in four ways, taken in two."""
    own = second.rollout(second.attention_maps(model, pictures))
    of_class = torch.stack([own[labels == it].mean(0) for it in range(10)])
    generator = torch.Generator().manual_seed(seed)
    ways = {
        "own": own,
        "of_class": of_class[labels],
        "ink": patches(pictures, first.PATCH).sum(2),
        "any": torch.rand(own.shape, generator=generator),
    }
    results = {}
    for way, scores in ways.items():
        found = {
            "black": answers(model, second.hide(pictures, scores)),
            "removed": removed(model, pictures, scores),
        }
        for name, it in found.items():
            results[f"{name}_{way}"] = 100 * (it != labels).float().mean().item()
    return results


def run(
    places: bool, copies: bool, seed: int, rate: float, optimizer: str, decay: float
) -> dict[str, Any]:
    """Train one vision Transformer, then shift the test pictures and take patches away."""
    torch.manual_seed(seed)
    model = first.vit()
    if not places:
        model.position_embedding.weight.requires_grad_(False).zero_()
    batches = first.drawn(first.parts("centred", first.N, seed)["train"], seed, copies)
    seconds = first.fit(model, batches, rate, second.LONG, optimizer, decay)
    results = {"core_seconds": seconds} | first.measured(model, "centred", first.N, seed)
    test = first.parts("centred", first.N, seed)["test"]
    results |= lost(model, *test)
    return results | (taken(model, seed, *test) if places else {})


def chosen(copies: bool) -> dict[str, Any]:
    """What the second study chose, with copies or without."""
    rows = lm.studies.load("03_algorithms/vision_transformers_copies")
    rows = rows[(rows.network == "ViT") & (rows.copies == copies) & (rows.seed == 0)]
    return {name: rows[name].iloc[0] for name in ("rate", "optimizer", "decay")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_places")
    for places, copies in ((False, False), (True, False), (True, True)):
        for seed in first.SEEDS:
            study.row(run, places=places, copies=copies, seed=seed, **chosen(copies))
    study.save()
