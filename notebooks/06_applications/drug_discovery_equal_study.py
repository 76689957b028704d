"""Study of the chapter "Drug discovery": as many models of each kind for means of equal size.

    make study NAME=06_applications/drug_discovery_equal

One thread, about 7 minutes. More seeds of the pretrained reader (90 epochs), of the boosted trees
and of the forest on descriptors, with the settings that the other studies chose; the graph
network, 120 epochs, with a third rate, as the study "longer" found the better one at the end of
its two; and the reader from scratch, 90 epochs, with three rates, as the study "text" has chosen
its rate at 30.
"""

from __future__ import annotations

import drug_discovery_longer_study as longer
import torch

import largemodels as lm

first = longer.first


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_equal")
    chosen = lm.studies.load("06_applications/drug_discovery").dropna(subset=["test"])
    settings = chosen.groupby("kind").setting.first()
    tried = [
        study.row(longer.trial, kind="longer graph", setting=3e-2, seed=seed)
        for seed in (0, 1)
    ]
    study.save()
    for kind, seeds in (("descriptors", (2, 3)), ("forest", (1, 2, 3))):
        for seed in seeds:
            first.predict(study, kind, "similar", settings[kind], seed)
    study.save()
    others = lm.studies.load("06_applications/drug_discovery_longer")
    known = others.dropna(subset=["validation"]).groupby("setting").validation.sum()
    if sum(it["validation"] for it in tried) < known.min():
        for seed in (0, 1):
            first.predict(study, "longer graph", "similar", 3e-2, seed)
        study.save()
    rates = lm.studies.load("06_applications/drug_discovery_text").dropna(subset=["test"])
    rate = rates.groupby("kind").setting.first()["pretrained"]
    first.predict(study, "longer pretrained", "similar", rate, 1)
    study.save()
    for rate in (3e-4, 1e-3, 3e-3):
        study.row(longer.trial, kind="longer text", setting=rate, seed=0)
    study.save()
