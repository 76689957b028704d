"""Study of the chapter "Fine-tuning": what a gain in French costs, at rates between the rungs.

    make study NAME=05_project/finetuning_rates

One thread, about 7 minutes. An interrupted study goes on where it stopped.

The study `finetuning` chose rates on a ladder whose rungs lie a factor of three apart. Here both
methods train at lower rates in between, with the same seeds, windows and steps, and are measured
on the French test text and on the model's own answers.
"""

from __future__ import annotations

import finetuning_study as first
import torch

import largemodels as lm

RATES = {"LoRA": (1e-3, 1.5e-3, 2e-3), "all weights": (3e-5, 5e-5, 7e-5)}
SEEDS, STEPS = range(3), 10


def run(method: str, learning_rate: float, seed: int) -> dict:
    """Adapt the model to French; nats a token on the test text and on its own answers."""
    torch.manual_seed(seed)
    model = first.adapted(first.copy_of(first.pretrained()[0]), method)
    plain = model.base_model.model if method == "LoRA" else model
    core_seconds = first.trained(model, "French", learning_rate, STEPS, seed)
    text = first.tokens("French", "test", 12_000)[: first.N_TOKENS]
    plain.eval()
    with torch.autocast("cpu", torch.bfloat16):
        french = lm.evaluate(plain, text, 1_024, overlap=512, batch_size=1)
        return {
            "core_seconds": core_seconds,
            "French": french,
            "answers": first.surprise(plain),
        }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/finetuning_rates")
    for seed in SEEDS:
        for method, rates in RATES.items():
            for rate in rates:
                study.row(run, method=method, learning_rate=rate, seed=seed)
    study.save()
