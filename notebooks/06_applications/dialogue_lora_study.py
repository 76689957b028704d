"""Study of the chapter "Dialogue": SmolLM2 fine-tuned by LoRA on dialogues without trivia.

    make study NAME=06_applications/dialogue_lora

One thread, about 10 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import peft
import torch
import torch.nn.functional as F
from dialogue_rivals_study import Pair, asked_by, quizzed, smollm2
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.data.dialogues import dialogues

LADDER = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
CHOOSING_SEED = 100  # the rate is chosen with it, and nothing is reported of it
STEPS, BATCH_SIZE = 20, 4


def lora(learning_rate: float, seed: int, test: bool) -> dict[str, Any]:
    """SmolLM2 fine-tuned by LoRA: its loss on other dialogues, perhaps its replies."""
    model, tokenizer = lm.GPT(smollm2()[0].config), smollm2()[1]
    model.load_state_dict(smollm2()[0].state_dict())
    torch.manual_seed(seed)
    settings = peft.LoraConfig(
        r=8, lora_alpha=16, target_modules=["qkv", "project", "expand", "contract"]
    )
    adapted = peft.get_peft_model(model, settings)
    end = torch.tensor([tokenizer.end_of_text])

    def encoded(pair: Pair) -> tuple[Tensor, Tensor]:
        before, after = (
            asked_by("chat", pair[0]),
            torch.cat([tokenizer.encode(pair[1])[:60], end]),
        )
        text = torch.cat([before, after])
        targets = text[1:].clone()
        targets[: len(before) - 1] = -100
        return text[:-1], targets

    def batch(some: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        inputs, targets = zip(*map(encoded, some), strict=True)
        padded = nn.utils.rnn.pad_sequence
        return padded(inputs, batch_first=True), padded(
            targets, batch_first=True, padding_value=-100
        )

    def loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-100
        )

    table = dialogues()
    table = table[table.topic != "trivia"]
    train, held = (
        list(zip(some.question, some.answer, strict=True))
        for some in (table[table.part == "train"], table[table.part == "validation"])
    )
    random.Random(seed).shuffle(train)
    batches = [batch(train[i * BATCH_SIZE : (i + 1) * BATCH_SIZE]) for i in range(STEPS)]
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=learning_rate,
        warmup_steps=4,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(adapted, batches, recipe, loss=loss)
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    plain = adapted.base_model.model.eval()
    with torch.no_grad():
        row["loss"] = float(
            np.mean([loss(plain, *batch(held[i : i + 8])).item() for i in range(0, 64, 8)])
        )
    return row | (quizzed(adapted.merge_and_unload().eval(), "chat") if test else {})


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_lora")
    best = best_inside(
        LADDER,
        (3e-4, 1e-3, 3e-3),
        lambda rate: study.row(lora, learning_rate=rate, seed=CHOOSING_SEED, test=False)[
            "loss"
        ],
    )
    for seed in range(2):
        study.row(lora, learning_rate=best, seed=seed, test=True)
    study.save()
