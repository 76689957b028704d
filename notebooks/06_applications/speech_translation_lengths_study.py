"""Study of the chapter "Speech translation": how long two networks should learn from the prompts.

    make study NAME=06_applications/speech_translation_lengths

One thread, about 6 minutes. The Transformer that translates words and the network that hears
learnt from the same prompts in the studies beside this one, 300 and 240 steps, at rates and a
dropout that were chosen there. Here the first learns for half, twice and four times as long, and
the second for a half and a quarter of the time, since its loss on validation prompts rises early.
The length is chosen by chrF on validation prompts, of true words or of sounds, with the seed that
is not reported; what those studies did is not computed again.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import torch
from speech_translation_direct_study import PLACES, learnt, states, wiped
from speech_translation_study import (
    N_BEAM,
    SEEDS,
    SIZES,
    TOKENS,
    TUNING_SEED,
    VOCAB,
    judged,
    recipe,
    spoken_by,
    tokens,
    training,
    translate,
)

import largemodels as lm
from largemodels.text import bilingual

LENGTHS = {"direct": (120, 60), "words": (600, 150, 1_200)}  # steps, beside 240 and 300
RATES = {"direct": 0.02, "words": 0.01}  # of Muon
STUDY = "06_applications/speech_translation"


def learn(reads: str, steps: int, seed: int) -> dict[str, Any]:
    """Train one network and judge it, on validation prompts for tuning."""
    torch.manual_seed(seed)
    choices: dict[str, Any] = dict(norm_first=True, dropout=0.1) | SIZES
    part = "validation" if seed == TUNING_SEED else "test"
    model: lm.Transformer
    if reads == "words":
        model = lm.Transformer(lm.TransformerConfig(VOCAB, **choices))
        sources, targets = training("prompts")
        given = (
            [tokens().source(it) for it in sources],
            [tokens().target(it) for it in targets],
        )
        batches = bilingual.pair_batches(*given, TOKENS, seed)
    else:
        model = lm.SpeechTranslator(lm.SpeechTranslatorConfig(VOCAB, **choices))
        kept = lm.studies.weights(STUDY + "_adapted", "adapted")
        model.load_state_dict(
            {name: it.float() for name, it in kept.state.items()}, strict=False
        )
        batches = wiped(bilingual.pair_batches(*learnt("prompts"), PLACES, seed), seed)
    began = time.process_time()
    lm.train(model, batches, recipe(steps, RATES[reads]), lambda: {})
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    if reads == "words":
        return row | spoken_by(functools.partial(translate, model), part)
    said = [tokens().decode(it) for it in bilingual.translated(model, states(part), N_BEAM)]
    return row | {"chrf": judged(said, part)} | ({"said": said} if part == "test" else {})


def before(reads: str) -> dict[int, float]:
    """The length that was tried before, and its chrF on validation prompts."""
    if reads == "words":
        rows = lm.studies.load(STUDY)
        rows = rows[
            (rows.pairs == "prompts") & (rows.steps == 300) & (rows.seed == TUNING_SEED)
        ]
        return {300: float(rows["chrf true"].max())}
    rows = lm.studies.load(STUDY + "_direct")
    rows = rows[(rows.data == "prompts") & (rows.seed == TUNING_SEED)]
    return {240: float(rows.chrf.max())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/speech_translation_lengths")
    for reads, lengths in LENGTHS.items():
        found = before(reads)
        for steps in lengths:
            row = study.row(learn, reads=reads, steps=steps, seed=TUNING_SEED)
            found[steps] = row["chrf" if reads == "direct" else "chrf true"]
        best = max(found, key=lambda it: found[it])
        for seed in SEEDS if best in lengths else ():
            study.row(learn, reads=reads, steps=best, seed=seed)
    study.save()
