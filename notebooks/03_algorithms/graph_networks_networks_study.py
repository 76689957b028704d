"""Study of the chapter "Graph networks": networks instead of a linear classifier, and deep ones.

    make study NAME=03_algorithms/graph_networks_networks

One thread, about 10 minutes. "layer" is what happens to a layer's input: "alone" (nothing: a
network without edges), "gcn" (the averaging S), "sage" (the mean over the neighbours through a
second matrix) or "sage with S" (S through that matrix). As published: width 16, dropout 0.5 on
each layer's input, weight decay 0.0005 (Kipf and Welling, 2017; theirs on the first layer only),
200 steps of Adam, measured every 10. "recipe" says how deep ones are trained: "plain"; "he", with
He's start and without dropout; "residual", where each layer but the first and the last adds to
its input; "both". The learning rate is chosen on the validation part of the first draw, the step
on that of each.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from graph_networks_study import DRAWS, articles, averaging, bag, split
from torch import Tensor, nn

import largemodels as lm

RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]
warnings.filterwarnings("ignore", message="Sparse")


def compressed(matrix: Any) -> Tensor:
    """A matrix of SciPy as a sparse one of torch."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    rows, columns = (
        torch.tensor(it, dtype=torch.long) for it in (matrix.indptr, matrix.indices)
    )
    return torch.sparse_csr_tensor(
        rows, columns, torch.tensor(matrix.data).float(), matrix.shape
    )


class Product(torch.autograd.Function):
    """A constant sparse matrix times a dense one; its transpose is given for the way back."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        """``matrix @ dense``."""
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """``matrix.T @ gradient``."""
        return ctx.transposed @ gradient.contiguous(), None, None


class Words:
    """The words of all articles, which dropout may thin out before they meet the first weights."""

    def __init__(self, read: int) -> None:
        x = bag(read).tocsr()
        self.x, self.transposed = compressed(x), compressed(x.T)
        numbers = sp.csr_matrix(
            (np.arange(1, x.nnz + 1), x.indices, x.indptr), shape=x.shape
        )
        place = numbers.T.tocsr()
        place.sort_indices()
        self.order = torch.tensor(place.data - 1)

    def __call__(self, weights: Tensor, dropout: float) -> Tensor:
        """The words, some of them dropped, times the weights."""
        values = F.dropout(self.x.values(), dropout)
        pair = [
            torch.sparse_csr_tensor(m.crow_indices(), m.col_indices(), some, m.shape)
            for m, some in ((self.x, values), (self.transposed, values[self.order]))
        ]
        return Product.apply(weights, *pair)  # type: ignore[no-any-return,no-untyped-call]


words_of = functools.cache(Words)


@functools.cache
def mixing(layer: str) -> tuple[Tensor, Tensor] | None:
    """The matrix with which a layer mixes, and its transpose."""
    if layer == "alone":
        return None
    if layer != "sage":
        return compressed(averaging()), compressed(averaging())
    a = (averaging() > 0).astype(float) - sp.eye(len(articles()[1]))
    a = sp.diags(1 / np.maximum(np.asarray(a.sum(1)).ravel(), 1)) @ a
    return compressed(a), compressed(a.T)


class Network(nn.Module):
    """Layers as those of ``lm.GraphNetwork``, whose first reads sparse words."""

    def __init__(self, read: int, layer: str, depth: int, width: int, recipe: str) -> None:
        super().__init__()
        self.words, self.matrices = words_of(read), mixing(layer)
        self.dropout = 0.0 if recipe in ("he", "both") else 0.5
        self.residual, self.two = recipe in ("residual", "both"), layer.startswith("sage")
        widths = [self.words.x.shape[1]] + [width] * (depth - 1) + [11]
        pairs = list(itertools.pairwise(widths))
        start = nn.init.xavier_uniform_
        if recipe in ("he", "both"):
            start = functools.partial(nn.init.kaiming_normal_, mode="fan_out")
        makers = [[start(torch.empty(pair)) for pair in pairs] for _ in range(1 + self.two)]
        self.weights, self.others = (
            nn.ParameterList(nn.Parameter(it) for it in some)
            for some in (makers if self.two else [*makers, []])
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(it)) for it in widths[1:])

    def mixed(self, x: Tensor) -> Tensor:
        """What each article hears."""
        return x if self.matrices is None else Product.apply(x, *self.matrices)  # type: ignore[no-any-return,no-untyped-call]

    def forward(self, dropout: float = 0.0) -> list[Tensor]:
        """The vectors of all articles after each layer."""
        found: list[Tensor] = []
        for i, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i:
                read = F.dropout(found[-1], dropout)
                times = functools.partial(torch.matmul, read)
            else:
                times = functools.partial(self.words, dropout=dropout)
            x = self.mixed(times(weights)) + bias
            x = x + times(self.others[i]) if self.two else x
            if i < len(self.weights) - 1:
                x = F.relu(x)
                x = x + found[-1] if self.residual and i else x
            found.append(x)
        return found


def likeness(x: Tensor) -> float:
    """Mean cosine of 20,000 pairs of articles drawn at random."""
    pairs = torch.randint(len(x), (2, 20_000), generator=torch.Generator().manual_seed(0))
    return F.cosine_similarity(x[pairs[0]], x[pairs[1]], dim=1).mean().item()


def train(
    read: int, layer: str, depth: int, recipe: str, draw: int, learning_rate: float,
    width: int = 16, steps: int = 200, weight_decay: float = 5e-4,
) -> dict[str, Any]:  # fmt: skip
    """Train a network; the validation part says after how many steps it is measured."""
    y = torch.tensor(articles()[1])
    parts = [torch.tensor(it) for it in split(draw)]
    torch.manual_seed(draw)
    model = Network(read, layer, depth, width, recipe)
    rates = {"lr": learning_rate, "weight_decay": weight_decay}
    optimiser = torch.optim.Adam(model.parameters(), **rates)
    best: dict[str, Any] = {"validation": 0.0}
    for step in range(1, steps + 1):
        loss = F.cross_entropy(model(model.dropout)[-1][parts[0]], y[parts[0]])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10:
            continue
        with torch.no_grad():
            found = model()
        right = (found[-1].argmax(1) == y).double()
        accuracy = [100 * right[part].mean().item() for part in parts]
        if accuracy[1] > best["validation"]:
            alike = likeness(found[-2])
            names = ("train", "validation", "test")
            best = dict(zip(names, accuracy, strict=True)) | {"step": step, "cosine": alike}
    return best | {"last_loss": loss.item()}


def tuned(study: lm.studies.Study, **same: Any) -> None:
    """All draws with the learning rate that is best on the first."""
    rate = lm.studies.best_inside(
        RATES,
        [1e-2],
        lambda it: -study.row(train, **same, draw=0, learning_rate=it)["validation"],
    )
    draws = DRAWS if same["depth"] == 2 else DRAWS[:3]
    for draw in draws[1:]:
        study.row(train, **same, draw=draw, learning_rate=rate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_networks")
    for read in (8, 1000):
        for layer in ("alone", "gcn", "sage"):
            tuned(study, read=read, layer=layer, depth=2, recipe="plain")
    for layer in ("alone", "gcn"):
        for recipe in ("plain", "he", "residual", "both"):
            tuned(study, read=8, layer=layer, depth=8, recipe=recipe)
    study.save()
