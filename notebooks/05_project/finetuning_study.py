"""Study of the chapter "Fine-tuning": learning rates, seeds and a longer run of two ways.

    make study NAME=05_project/finetuning

One thread, about 8 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import functools
import random
import time

import peft
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm

CONTEXT_LENGTH, BATCH_SIZE = 256, 1
# Steps that take about the same time on one core, and learning rates to try: as many for each.
STEPS = {"LoRA": 10, "last 8 blocks": 15}
TRIALS = {"LoRA": (1e-3, 3e-3, 1e-2, 3e-2), "last 8 blocks": (1e-4, 3e-4, 1e-3, 3e-3)}
CHOOSING_SEED = 7  # settings are chosen with it, and nothing is reported of it


@functools.cache
def pretrained() -> tuple[lm.GPT, lm.text.tokenizers.Tokenizer]:
    """SmolLM2 and its tokenizer."""
    return lm.load_smollm2()


@functools.cache
def tokens(corpus: str, part: str, characters: int) -> Tensor:
    """Tokens of the beginning of a corpus whose documents were shuffled: ``(time,)``."""
    texts = {
        "French": lambda: lm.wikipedia("fr"),
        "English": lm.wikipedia,
        "Shakespeare": lm.shakespeare,
    }[corpus]()
    documents = list(getattr(texts, part).values())
    random.Random(0).shuffle(documents)
    return pretrained()[1].encode("\n\n".join(documents)[:characters])


def adapted(model: lm.GPT, method: str) -> nn.Module:
    """The model with what is to be trained: small matrices beside its own, or some of its own."""
    if method == "LoRA":
        names = ["qkv", "project", "expand", "contract"]
        return peft.get_peft_model(
            model, peft.LoraConfig(r=8, lora_alpha=16, target_modules=names)
        )
    if method == "last 8 blocks":
        model.requires_grad_(False)
        model.blocks[-8:].requires_grad_(True)
        model.final_norm.requires_grad_(True)
    return model


def loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats a token, of anything that gives logits."""
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def measure(model: nn.Module, part: str, n: int) -> dict[str, float]:
    """Nats a token on the first ``n`` predicted tokens of each text."""
    corpora = (
        ("French", "English", "Shakespeare") if part == "test" else ("French", "English")
    )
    with torch.autocast("cpu", torch.bfloat16):
        return {
            f"{part}_{corpus}": lm.evaluate(
                model, tokens(corpus, part, 12_000)[: n + 1], CONTEXT_LENGTH, batch_size=4
            )
            for corpus in corpora
        }


def run(method: str, learning_rate: float, steps: int, seed: int, part: str) -> dict:
    """Adapt the model; what was trained, how long it took, and the losses on one part."""
    torch.manual_seed(seed)
    model = lm.GPT(pretrained()[0].config)
    model.load_state_dict(pretrained()[0].state_dict())
    core_seconds = 0.0
    if steps:
        model = adapted(model, method)
        recipe = lm.TrainingConfig(
            steps=steps,
            learning_rate=learning_rate,
            warmup_steps=2,
            weight_decay=0.0,
            precision="bf16",
            evaluate_every=steps,
        )
        source = lm.batches(
            tokens("French", "train", 400_000), BATCH_SIZE, CONTEXT_LENGTH, seed
        )
        # Of one thread: what else the machine does is not counted.
        began = time.process_time()
        lm.train(model, source, recipe, loss=loss)
        core_seconds = time.process_time() - began
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad) if steps else 0
    return {"n_trained": trained, "core_seconds": core_seconds} | measure(
        model, part, 2_048 if part == "test" else 1_024
    )


def chosen(study: lm.studies.Study, method: str) -> float:
    """The learning rate with the least loss on validation text, of as many for each method."""
    tried = {
        rate: study.row(
            run,
            method=method,
            learning_rate=rate,
            steps=STEPS[method],
            seed=CHOOSING_SEED,
            part="validation",
        )
        for rate in TRIALS[method]
    }
    return min(tried, key=lambda rate: tried[rate]["validation_French"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/finetuning")
    for part in ("validation", "test"):
        study.row(run, method="none", learning_rate=0.0, steps=0, seed=0, part=part)
    rates = {}
    for method in STEPS:
        rates[method] = chosen(study, method)
        for seed in range(3):
            study.row(
                run,
                method=method,
                learning_rate=rates[method],
                steps=STEPS[method],
                seed=seed,
                part="test",
            )
    for method in STEPS:  # three times as long
        study.row(
            run,
            method=method,
            learning_rate=rates[method],
            steps=3 * STEPS[method],
            seed=0,
            part="test",
        )
    study.save()
