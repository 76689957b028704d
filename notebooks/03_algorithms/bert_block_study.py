"""Sixth study of the chapter "BERT": the chosen layer of the frozen network on further draws.

    make study NAME=03_algorithms/bert_block

One thread, about 1 minute, after bert_layers. With 10 and with 50 labels a topic, the layer and the
penalty that validation articles chose in the study of layers, for the kept network and for the one
that has read nothing, learn from the four draws of the study of draws.
"""

from __future__ import annotations

import bert_draws_study as draws
import bert_layers_study as layers
import torch

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_block")
    known = lm.studies.load("03_algorithms/bert_layers")
    for who in ("pretrained", "untrained"):
        for n in (10, 50):
            tuning = known[(known.who == who) & (known.n == n) & (known.draw == 3)]
            best = tuning.loc[tuning.right.idxmax()]
            for draw in draws.DRAWS:
                key = dict(who=who, layer=int(best.layer), n=n, draw=draw)
                study.row(layers.run, **key, setting=float(best.setting))
    study.save()
