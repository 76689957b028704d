"""Study of the chapter "Fine-tuning": what a gain costs, at rates between the rungs of the ladder.

    make study NAME=05_project/finetuning_rates

One thread, about 9 minutes. An interrupted study goes on where it stopped.

The study `finetuning` chose rates on a ladder whose rungs lie a factor of three apart. Here both
methods train at lower rates in between, with the same seeds, windows and steps, and are measured
on French, on English and on the model's own answers. LoRA also trains on Shakespeare at the lowest
of its rates, since the rate of the study `finetuning` was chosen for French.
"""

from __future__ import annotations

import finetuning_study as first
import torch

import largemodels as lm

RATES = {"LoRA": (1e-3, 1.5e-3, 2e-3), "all weights": (3e-5, 5e-5, 7e-5)}
SEEDS, STEPS = range(3), 10


def run(method: str, corpus: str, learning_rate: float, seed: int) -> dict:
    """Adapt the model; nats a token on two test texts and on its own answers."""
    torch.manual_seed(seed)
    model = first.adapted(first.copy_of(first.pretrained()[0]), method)
    plain = model.base_model.model if method == "LoRA" else model
    core_seconds = first.trained(model, corpus, learning_rate, STEPS, seed)
    plain.eval()
    row = {"core_seconds": core_seconds}
    with torch.autocast("cpu", torch.bfloat16):
        for text in ("French", "English"):
            tokens = first.tokens(text, "test", 12_000)[: first.N_TOKENS]
            row[text] = lm.evaluate(plain, tokens, 1_024, overlap=512, batch_size=1)
        row["answers"] = first.surprise(plain)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/finetuning_rates")
    for seed in SEEDS:
        for method, rates in RATES.items():
            for rate in rates:
                study.row(
                    run, method=method, corpus="French", learning_rate=rate, seed=seed
                )
        study.row(run, method="LoRA", corpus="Shakespeare", learning_rate=1e-3, seed=seed)
    study.save()
