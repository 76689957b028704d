"""Study of the chapter "Motion on the wrist": a forest and a small Transformer.

    make study NAME=06_applications/internet_of_things_others

One thread, about 5 minutes. As in the study "internet_of_things", with as many trials.
"""

from __future__ import annotations

import torch
from internet_of_things_study import run

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/internet_of_things_others")
    for who in ("forest", "Transformer"):
        run(study, who)
    study.save()
