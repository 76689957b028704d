"""Study of the chapter "Drug discovery": is a forest that predicts QED fooled by steering?

    make study NAME=06_applications/drug_discovery_fooled

One thread, about a minute. As in the study "writer", where the forest predicts log P, with the GPT
that it kept.
"""

from __future__ import annotations

import functools

import drug_discovery_writer_study as first
import torch

import largemodels as lm


@functools.cache
def writer() -> lm.GPT:
    """The GPT that the study "writer" kept."""
    kept = lm.studies.weights("06_applications/drug_discovery_writer", "writer")
    model = lm.GPT(lm.GPTConfig(**kept.config))
    model.load_state_dict({name: it.float() for name, it in kept.state.items()})
    return model.eval()


first.writer = writer


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_fooled")
    for seed in first.SEEDS:
        for way in ("library", "gpt", "tuned", "changes"):
            study.row(first.fooled, way=way, target="qed", seed=seed)
    study.save()
