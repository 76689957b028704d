"""Study of the chapter "Dialogue": which of ten replies SmolLM2 takes for the right one after LoRA.

    make study NAME=06_applications/dialogue_lora_choice

One thread, about 5 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

from typing import Any

import dialogue_lora_study
import numpy as np
import torch
from dialogue_rivals_study import asked_by, candidates, gains, pairs_of, smollm2

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.dialogues import words

N_QUESTIONS = 60  # different ones of the test part, drawn once
SEEDS = range(2)


def drawn() -> list[int]:
    """Places of the questions in the test part."""
    first: dict[str, int] = {}
    for place, (question, _) in enumerate(pairs_of("test")):
        first.setdefault(words(question), place)
    some = np.random.default_rng(0).choice(list(first.values()), N_QUESTIONS, replace=False)
    return sorted(some.tolist())


@torch.no_grad()
def chosen(model: Any) -> dict[str, Any]:
    """Whether the right one of ten replies gains most from the question, and what it gains."""
    tokenizer = smollm2()[1]
    end, lists = torch.tensor([tokenizer.end_of_text]), candidates("test")
    found, helped = [], []
    for place in drawn():
        question = pairs_of("test")[place][0]
        answers = [torch.cat([tokenizer.encode(it), end]) for it in lists[place]]
        gain = gains(model, asked_by("chat", question), answers)
        gain -= gains(model, asked_by("chat", ""), answers)
        found.append(gain.argmax().item() == 0)
        helped.append(gain[0].item())
    return {"places": drawn(), "found": found, "helped": helped}


def released(bits: int) -> dict[str, Any]:
    """SmolLM2-Instruct as it is, its numbers rounded to ``bits``."""
    assert bits == 4
    return {"model": "as released"} | chosen(smollm2()[0])


def adapted(learning_rate: float, seed: int) -> dict[str, Any]:
    """The same after LoRA, trained exactly as in the study of LoRA."""
    # That study measures the merged model by this function; here it measures something else.
    dialogue_lora_study.quizzed = lambda model, template: chosen(model)
    row = dialogue_lora_study.lora(learning_rate, seed, test=True)
    return {"model": "after LoRA"} | row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_lora_choice")
    study.row(released, bits=4)
    rows = lm.studies.load("06_applications/dialogue_lora")
    (rate,) = rows[rows.told.notna()].learning_rate.unique()
    for seed in SEEDS:
        study.row(adapted, learning_rate=rate, seed=seed)
    study.save()
