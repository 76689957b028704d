"""Fourth study of the chapter "BERT": which layer of the frozen network tells a topic.

    make study NAME=03_algorithms/bert_layers

One thread, about 2 minutes, after bert_longer. The means of the embeddings and of each block's
hidden states, of the kept network and of one that has read nothing, are classified by logistic
regression, with the articles, draws and penalties of the study of labels. The penalty is chosen for
each layer, and the layer, too, can be chosen, by validation articles with the draw that is not
reported.
"""

from __future__ import annotations

import functools
from typing import Any

import bert_labels_study as labels
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import largemodels as lm

LAYERS = range(5)  # 0: the embeddings


@functools.cache
def means(who: str) -> list[np.ndarray]:
    """Of each layer the means over an article's tokens, standardised on training articles."""
    torch.manual_seed(0)
    network = labels.bert(who).eval()
    tokens, mask = labels.read_by("pretrained")
    topic, rows = labels.topics()
    order = (topic >= 0).nonzero()[:, 0]
    order = order[mask[order].sum(1).argsort()]
    found = torch.zeros(len(LAYERS), len(tokens), network.config.d_model)
    states: list[torch.Tensor] = []
    for part in (network.embedding_norm, *network.blocks):
        part.register_forward_hook(lambda _, __, output: states.append(output))
    with torch.no_grad():
        for it in order.split(64):
            longest = int(mask[it].sum(1).max())
            its = mask[it, :longest]
            states.clear()
            network(tokens[it, :longest], None if its.all() else its)
            for layer, hidden in enumerate(states):
                total = (hidden * its[:, :, None]).sum(1)
                found[layer, it] = total / its.sum(1, keepdim=True)
    seen = found[:, rows["train"]]
    return list(((found - seen.mean(1, keepdim=True)) / seen.std(1, keepdim=True)).numpy())


def run(who: str, layer: int, n: int, draw: int, setting: float) -> dict[str, Any]:
    """Learn the topics of a draw from a layer, and name those of other articles."""
    topic, rows = labels.topics()
    seen = labels.labelled(n, draw)
    asked = rows["validation" if draw == labels.TUNING_DRAW else "test"]
    known = means(who)[layer]
    model = LogisticRegression(C=setting, max_iter=2_000).fit(
        known[seen.numpy()], topic[seen]
    )
    return {"right": 100 * float(model.score(known[asked.numpy()], topic[asked]))}


def all_draws(who: str, layer: int, n: int) -> None:
    """Choose the penalty, then learn from each draw."""

    def score(setting: float) -> float:
        key = dict(who=who, layer=layer, n=n, draw=labels.TUNING_DRAW, setting=setting)
        return -float(study.row(run, **key)["right"])

    setting = lm.studies.best_inside(labels.PENALTIES, [0.01], score)
    for draw in labels.DRAWS:
        study.row(run, who=who, layer=layer, n=n, draw=draw, setting=setting)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_layers")
    for who in ("pretrained", "untrained"):
        for layer in LAYERS:
            for n in labels.STEPS:
                all_draws(who, layer, n)
    study.save()
