"""Second study of the chapter "Attention": which tokens need SmolLM2's induction heads?

    make study NAME=02_concepts/attention_heads

One thread, about 2 minutes. An interrupted study goes on where it stopped.

On random tokens read twice each head gets its scores. Then heads are cut: the nine with the
highest induction score, nine drawn from all others, and nine others of the same layers. Cutting
means that the output of a head becomes zero, or its mean over other texts. Measured is the loss on
the second copy of other random tokens, and on articles of the test part, for tokens of three kinds:
those that end a pair of tokens that has occurred before in the text; those that follow a token that
has occurred before, but never before them; and all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.models import rotary

MODEL, TOKENIZER = lm.load_smollm2()
CONFIG = MODEL.config
N_HEADS = CONFIG.n_layer * CONFIG.n_head
N_CUT, COPIED, LENGTH, N_TEXTS, N_MEAN = 9, 32, 128, 24, 8
SHARED = 17  # blocks below the first that holds one of the nine heads; computed once for all rows
KINDS = ("pair seen", "other follower", "first token new")


def repeated(seed: int, n: int) -> Tensor:
    """Random tokens, twice, (n, 2 * COPIED)."""
    draw = torch.Generator().manual_seed(seed)
    first = torch.randint(1000, 40_000, (n, COPIED), generator=draw)
    return torch.cat([first, first], dim=1)


def articles(part: str, n: int) -> Tensor:
    """The first tokens of the first long articles of a part, (n, LENGTH)."""
    found: list[Tensor] = []
    for text in getattr(lm.wikipedia(), part).values():
        tokens = TOKENIZER.encode(text)
        if len(tokens) >= LENGTH and len(found) < n:
            found.append(torch.as_tensor(tokens)[:LENGTH])
    return torch.stack(found)


def kinds(texts: Tensor) -> Tensor:
    """The place in KINDS of each token but the first, (batch, time - 1)."""
    found = torch.empty(texts.shape[0], texts.shape[1] - 1, dtype=torch.long)
    for row, text in enumerate(texts.tolist()):
        pairs = [(text[i], text[i + 1]) for i in range(len(text) - 1)]
        for at, pair in enumerate(pairs):
            known = pair[0] in text[:at]
            found[row, at] = 0 if pair in pairs[:at] else 1 if known else 2
    return found


@contextmanager
def hooked(watch: dict[nn.Module, object]) -> Iterator[None]:
    """Functions that are called with the inputs of modules, and may replace them."""
    hooks = [module.register_forward_pre_hook(call) for module, call in watch.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def scores(seed: int) -> dict[str, list[float]]:
    """Mean weight of every head in the second copy on three places, one row."""
    found: list[Tensor] = []

    def look(attention: nn.Module, inputs: tuple) -> None:
        x, _, rotation = inputs[:3]
        heads = attention.qkv(x).unflatten(-1, (-1, CONFIG.d_head)).transpose(1, 2)
        q, k, _ = heads.split([CONFIG.n_head, CONFIG.n_kv_head, CONFIG.n_kv_head], dim=1)
        q, k = rotary.rotate(q, *rotation), rotary.rotate(k, *rotation)
        k = k.repeat_interleave(CONFIG.n_head // CONFIG.n_kv_head, dim=1)
        products = q @ k.mT / CONFIG.d_head**0.5
        later = torch.ones(products.shape[-2:], dtype=torch.bool).triu(1)
        found.append(products.masked_fill(later, -torch.inf).softmax(-1).mean(0))

    with hooked({block.attention: look for block in MODEL.blocks}):
        MODEL.hidden(repeated(seed, 8))
    weights = torch.cat(found)  # (heads, time, time)
    back = {"previous token": 1, "same token": COPIED, "induction": COPIED - 1}
    return {
        name: [
            round(s, 4) for s in weights.diagonal(-d, 1, 2)[:, -COPIED:].mean(1).tolist()
        ]
        for name, d in back.items()
    }


@torch.no_grad()
def means(layers: set[int]) -> dict[int, Tensor]:
    """The mean output of each head over places and validation articles, (heads, d_head)."""
    found: dict[int, Tensor] = {}

    def looker(layer: int) -> object:
        def look(project: nn.Module, inputs: tuple) -> None:
            found[layer] = inputs[0].unflatten(-1, (CONFIG.n_head, -1)).mean((0, 1))

        return look

    with hooked({MODEL.blocks[i].attention.project: looker(i) for i in layers}):
        MODEL.hidden(articles("validation", N_MEAN))
    return found


@cache
def inputs() -> dict[str, Tensor]:
    """Test articles, and five sets of random tokens read twice."""
    copies = torch.cat([repeated(seed, 2) for seed in range(101, 106)])
    return {"texts": articles("test", N_TEXTS), "copies": copies}


def through(x: Tensor, first: int, last: int) -> Tensor:
    """States after some of the blocks, (batch, time, d_model)."""
    turn = rotary.rotation(torch.arange(x.shape[1]), CONFIG.d_head, CONFIG.rope_base)
    for block in MODEL.blocks[first:last]:
        x = block(x, None, turn)
    return x


@cache
def below(name: str) -> Tensor:
    """States that enter block SHARED when nothing is cut."""
    some = MODEL.token_embedding(inputs()[name][:, :-1]).split(4)
    return torch.cat([through(x, 0, SHARED) for x in some])


def losses(name: str, lowest: int) -> Tensor:
    """Loss of each token but the first, (batch, time - 1); no block below the lowest is cut."""
    tokens, found = inputs()[name], []
    shared = lowest >= SHARED
    states = below(name) if shared else MODEL.token_embedding(tokens[:, :-1])
    for x, some in zip(states.split(4), tokens.split(4), strict=True):
        x = through(x, SHARED if shared else 0, CONFIG.n_layer)
        logits = MODEL.logits(MODEL.final_norm(x))
        found.append(-logits.log_softmax(-1).gather(2, some[:, 1:, None])[..., 0])
    return torch.cat(found)


def cut(name: str, draw: int, put: str, heads: list[int]) -> dict:
    """The losses without some heads, one row."""
    layers = {head // CONFIG.n_head for head in heads}
    instead = means(layers) if put == "mean" else {}

    def cutter(layer: int) -> object:
        gone = [head % CONFIG.n_head for head in heads if head // CONFIG.n_head == layer]

        def replace(project: nn.Module, inputs: tuple) -> tuple:
            mixed = inputs[0].unflatten(-1, (CONFIG.n_head, -1)).clone()
            mixed[:, :, gone] = instead[layer][gone] if put == "mean" else 0.0
            return (mixed.flatten(-2),)

        return replace

    with (
        torch.no_grad(),
        hooked({MODEL.blocks[i].attention.project: cutter(i) for i in layers}),
    ):
        copies = losses("copies", min(layers, default=SHARED))[:, COPIED:]
        real = losses("texts", min(layers, default=SHARED))
    row: dict = {"second copy": copies.mean(1).view(5, -1).mean(1).tolist()}
    for kind, title in enumerate(KINDS):
        here = kinds(inputs()["texts"]) == kind
        row[f"{title}, tokens"] = here.sum(1).tolist()
        row[f"{title}, loss"] = [round(s, 4) for s in (real * here).sum(1).tolist()]
    return row


def draws(best: list[int], seed: int) -> tuple[list[int], list[int]]:
    """As many other heads: of any layers, and of the same layers."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(N_HEADS, generator=draw).tolist()
    others = [head for head in order if head not in best]
    same: list[int] = []
    for wanted in best:
        layer = wanted // CONFIG.n_head
        free = [h for h in others if h // CONFIG.n_head == layer and h not in same]
        same.append(free[0])
    return others[: len(best)], same


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/attention_heads")
    first = study.row(scores, seed=0)["induction"]
    for seed in range(1, 4):
        study.row(scores, seed=seed)
    best = sorted(range(N_HEADS), key=first.__getitem__, reverse=True)[:N_CUT]
    study.row(cut, name="nothing", draw=0, put="", heads=[])
    for put in ("zero", "mean"):
        study.row(cut, name="induction", draw=0, put=put, heads=best)
    for draw in range(1, 4):
        random, same = draws(best, draw)
        study.row(cut, name="same layers", draw=draw, put="zero", heads=same)
        if draw < 3:
            study.row(cut, name="random", draw=draw, put="zero", heads=random)
    study.save()
