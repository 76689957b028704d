"""Fifth study of the chapter "BERT": further draws of few labels.

    make study NAME=03_algorithms/bert_draws

One thread, about 6 minutes, after bert_labels. The untrained and the pretrained network and TF-IDF
learn from four more draws of 10 and of 50 labels a topic, with the settings and the steps that the
study of labels chose.
"""

from __future__ import annotations

import bert_labels_study as labels
import torch

import largemodels as lm

DRAWS = range(4, 8)  # 0 to 2 are in the study of labels, 3 chose the settings

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_draws")
    known = lm.studies.load("03_algorithms/bert_labels")
    for n in (10, 50):
        for draw in DRAWS:
            for who in ("TF-IDF", "pretrained", "untrained"):
                its = known[(known.who == who) & (known.n == n) & (known.draw == 0)]
                setting = float(its.setting.iloc[0])
                study.row(labels.run, who=who, n=n, draw=draw, setting=setting)
    study.save()
