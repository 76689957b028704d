"""Study of the chapter "Speech translation": the translator of words, trained further on prompts.

    make study NAME=06_applications/speech_translation_adapted

One thread, about 2 minutes. The long run of the first study learnt from messages and prompts
together. Here its weights learn from the prompts alone for a hundred steps. The learning rate is
chosen by chrF on the true words of validation prompts, with a seed that is not reported. Three
seeds share the long run, so their spread is that of these steps alone.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import torch
from speech_translation_study import (
    SEEDS,
    TOKENS,
    TUNING_SEED,
    recipe,
    spoken_by,
    tokens,
    training,
    translate,
)

import largemodels as lm
from largemodels.text import bilingual

STEPS = 100
RATES = [0.000625, 0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04]  # of Muon


def adapt(rate: float, seed: int) -> dict[str, Any]:
    """Train the long run's weights on the prompts, and judge them."""
    kept = lm.studies.weights("06_applications/speech_translation", "translator")
    model = lm.Transformer(lm.TransformerConfig(**kept.config))
    model.load_state_dict(kept.state)
    model = model.float().train()
    torch.manual_seed(seed)
    sources, targets = training("prompts")
    given = [tokens().source(it) for it in sources], [tokens().target(it) for it in targets]
    began = time.process_time()
    lm.train(
        model, bilingual.pair_batches(*given, TOKENS, seed), recipe(STEPS, rate), lambda: {}
    )
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    if seed == SEEDS[0]:
        study.keep("adapted", model)
    part = "validation" if seed == TUNING_SEED else "test"
    return row | spoken_by(functools.partial(translate, model), part)


def score(rate: float) -> float:
    """The chrF of a trial on validation prompts, negative."""
    return -float(study.row(adapt, rate=rate, seed=TUNING_SEED)["chrf true"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_translation_adapted")
    rate = lm.studies.best_inside(RATES, [0.005], score)
    for seed in SEEDS:
        study.row(adapt, rate=rate, seed=seed)
    study.save()
