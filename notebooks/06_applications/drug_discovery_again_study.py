"""Study of the chapter "Drug discovery": the reader of SMILES again, with other seeds and splits.

    make study NAME=06_applications/drug_discovery_again

One thread, about 4 minutes. The pretrained reader with a second seed and in the scaffold split, and
the reader from scratch that always sees a molecule in RDKit's own writing ("one writing"), with the
rates that the study "text" has chosen.
"""

from __future__ import annotations

import drug_discovery_text_study as text
import torch

import largemodels as lm

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_again")
    chosen = lm.studies.load("06_applications/drug_discovery_text").dropna(subset=["test"])
    rates = chosen.groupby("kind").setting.first()
    text.first.predict(study, "one writing", "similar", rates["text"], 0)
    text.first.predict(study, "pretrained", "similar", rates["pretrained"], 1)
    text.first.predict(study, "pretrained", "scaffold", rates["pretrained"], 0)
    study.save()
