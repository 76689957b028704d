"""Sixth study of the chapter "Customer service": can SmolLM2 follow the instructions at all?

    make study NAME=06_applications/customer_service_told

One thread, a minute, after customer_service_model. The 24 instructions that were hidden in
messages there now stand alone, as the user's whole message: how
many of the demanded words appear is how many a model obeys that has nothing else to do.
"""

from __future__ import annotations

from typing import Any

import customer_service_model_study as model
import torch

import largemodels as lm
from largemodels.data.injections import injections


def told(start: int) -> dict[str, Any]:
    """Replies to instructions that stand alone."""
    its = injections()[start : start + model.BATCH]
    prompts = [
        [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": text},
        ]
        for _, text, _ in its
    ]
    return {"words": [word for word, *_ in its], "said": model.replies(prompts, 24)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/customer_service_told")
    for start in range(0, len(injections()), model.BATCH):
        study.row(told, start=start)
    study.save()
