"""Study of the chapter "Graph networks": what is an edge worth to a reader that was pretrained?

    make study NAME=03_algorithms/graph_networks_reader

One thread, about 4 minutes. In place of tf-idf, MiniLM's vector of an article's text, cut after
its 8th known word or after 50 words of any kind ("read" is 1000). The rest is as in
graph_networks: (1 - w) X + w S^2 X, logistic regression, all chosen on validation labels. MiniLM
has seen much of the web, so these articles are probably no news to it.
"""

from __future__ import annotations

import functools
import re

import numpy as np
import torch
from graph_networks_study import (
    DRAWS,
    MIXES,
    articles,
    averaging,
    classify,
    split,
    vocabulary,
)

import largemodels as lm

MOST = 50  # words of an article


def beginning(text: str, read: int) -> str:
    """The text up to its known word of that number."""
    known, left = vocabulary(), read
    for n, found in enumerate(re.finditer(r"[^\W_]+", text), start=1):
        left -= found[0].lower() in known
        if not left or n == MOST:
            return text[: found.end()]
    return text


@functools.cache
def vectors(read: int) -> np.ndarray:
    """A vector of length 1 of each article, (articles, 384)."""
    texts = [beginning(it, read) for it in articles()[0].text]
    return lm.load_minilm().embed(texts).double().numpy()


def run(read: int, draw: int, weight: float) -> dict[str, float]:
    """Accuracy of the linear classifier on the mixed vectors."""
    x, s = vectors(read), averaging()
    return classify((1 - weight) * x + weight * (s @ (s @ x)), split(draw))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_reader")
    for read in (8, 1000):
        for draw in DRAWS:
            for weight in MIXES:
                study.row(run, read=read, draw=draw, weight=weight)
    study.save()
