"""Study of the chapter "Image classification": all weights learn, 450 labels a class.

    make study NAME=06_applications/image_classification_tuned_many

One thread, about 8 minutes. Two of the four folds, those in
which frozen features did best and worst. Everything else is as in the study with 100 labels.
"""

from __future__ import annotations

import torch
from image_classification_tuned_study import STEPS, choose

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/image_classification_tuned_many")
    for fold in (0, 3):
        for who in STEPS:
            choose(study, who, 450, fold)
    study.save()
