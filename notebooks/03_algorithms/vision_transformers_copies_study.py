"""Third study of the chapter "Vision Transformers": moved copies, and what attention looks at.

    make study NAME=03_algorithms/vision_transformers_copies

One thread, about 7 minutes, after vision_transformers. The networks of the first study learn from
copies of their 1,000 pictures, moved anew by up to four pixels whenever they are drawn: the ResNet
in the steps and at the rate of the first study, the vision Transformer in 1,200 steps at a rate
chosen for copies. In as many steps it also learns without copies. Of these vision Transformers the
attention roll-out is tested by hiding patches, and two of them are kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import vision_transformers_study as first
from torch import Tensor

import largemodels as lm
from largemodels.models.vit import patches

LONG, HIDDEN, GRID = 1_200, 4, 4


def attention_maps(model: lm.ViT, pictures: Tensor) -> list[Tensor]:
    """Of each block the attention weights, ``(batch, n_head, 17, 17)``."""
    found: list[Tensor] = []

    def note(module: lm.Attention, inputs: tuple[Tensor, ...]) -> None:
        n, time, _ = inputs[0].shape
        q, k, _ = module.qkv(inputs[0]).view(n, time, 3, module.n_head, -1).unbind(2)
        scores = torch.einsum("nihd,njhd->nhij", q, k) / module.d_head**0.5
        found.append(scores.softmax(dim=-1))

    hooks = [it.attention.register_forward_pre_hook(note) for it in model.encoder.blocks]
    with torch.no_grad():
        model.eval()(pictures)
    for hook in hooks:
        hook.remove()
    return found


def rollout(maps: list[Tensor]) -> Tensor:
    """What reaches the class token from each patch, ``(batch, 16)``, each row of sum 1."""
    mixed = torch.eye(maps[0].shape[-1])
    for it in maps:
        mixed = (it.mean(dim=1) + torch.eye(it.shape[-1])) / 2 @ mixed
    return F.normalize(mixed[:, 0, 1:], p=1, dim=1)


def hide(pictures: Tensor, scores: Tensor) -> Tensor:
    """Black in the four patches of the highest scores ``(batch, 16)``."""
    tokens = patches(pictures, first.PATCH)
    rows = scores.topk(HIDDEN, dim=1).indices
    tokens = tokens.scatter(1, rows[:, :, None].expand(-1, -1, tokens.shape[2]), 0.0)
    return F.fold(tokens.transpose(1, 2), first.SIDE, first.PATCH, stride=first.PATCH)


def hidden(model: lm.ViT, seed: int) -> dict[str, float]:
    """Wrong answers in per cent once four of sixteen patches are hidden, chosen in four ways."""
    pictures, labels = first.parts("centred", first.N, seed)["test"]
    own = rollout(attention_maps(model, pictures))
    of_class = torch.stack([own[labels == it].mean(0) for it in range(10)])
    generator = torch.Generator().manual_seed(seed)
    ways = {
        "own": own,
        "of_class": of_class[labels],
        "ink": patches(pictures, first.PATCH).sum(2),
        "any": torch.rand(own.shape, generator=generator),
    }
    return {
        f"hidden_{way}": first.wrong(model, hide(pictures, scores), labels)[0]
        for way, scores in ways.items()
    }


def alike(model: lm.ViT) -> dict[str, float]:
    """Mean cosine of position embeddings: of patches that touch, of ends of a row, of all."""
    vectors = model.position_embedding.weight.detach()[1:]
    cosines = F.cosine_similarity(vectors[:, None], vectors[None], dim=2)
    place = torch.stack(
        torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    )
    down, right = (place.flatten(1)[:, :, None] - place.flatten(1)[:, None]).abs()
    groups = {
        "touching": down + right == 1,
        "ends": (down == 0) & (right == GRID - 1),
        "all": down + right > 0,
    }
    return {f"cosine_{name}": cosines[mask].mean().item() for name, mask in groups.items()}


def run(
    network: str, rate: float, seed: int, optimizer: str, decay: float, steps: int, copies: bool
) -> dict[str, Any]:  # fmt: skip
    """Train one network on centred pictures or on moved copies of them."""
    torch.manual_seed(seed)
    model = first.NETWORKS[network]()
    rows = first.parts("centred", first.N, seed)["train"]
    batches = first.drawn(rows, seed, copies)
    seconds = first.fit(model, batches, rate, steps, optimizer, decay)
    results = {"core_seconds": seconds} | first.measured(model, "centred", first.N, seed)
    if isinstance(model, lm.ViT) and seed != first.TUNING_SEED:
        results |= hidden(model, seed) | alike(model)
        if seed == 0 and steps == LONG:
            study.keep("copies" if copies else "plain", model)
    return results


def tune(best: dict[str, Any], rates: list[float], **key: Any) -> dict[str, Any]:
    """The best rate with copies, from the best without."""
    key = {name: best[name] for name in ("network", "optimizer", "decay")} | key
    rate = lm.studies.best_inside(
        rates,
        [best["rate"]],
        lambda it: study.row(run, rate=it, seed=first.TUNING_SEED, **key)[
            "validation_error"
        ],
    )
    return key | {"rate": rate}


def chosen(network: str) -> dict[str, Any]:
    """What the first study chose for centred pictures."""
    rows = lm.studies.load("03_algorithms/vision_transformers")
    rows = rows[(rows.network == network) & (rows.data == "centred")]
    row = rows[rows.seed == 0].iloc[0]
    return {name: row[name] for name in ("network", "rate", "optimizer", "decay")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_copies")
    vit, resnet = chosen("ViT"), chosen("ResNet")
    rates = first.MATRIX_RATES if vit["optimizer"] == "muon" else first.RATES
    keys = [
        tune(vit, rates, steps=LONG, copies=True),
        vit | dict(steps=LONG, copies=False),
        resnet | dict(steps=first.STEPS["ResNet"], copies=True),
    ]
    for key in keys:
        for seed in first.SEEDS:
            study.row(run, seed=seed, **key)
    study.save()
