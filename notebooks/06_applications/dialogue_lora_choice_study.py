"""Study of the chapter "Dialogue": which of ten replies SmolLM2 takes for the right one after LoRA.

    make study NAME=06_applications/dialogue_lora_choice

One thread, about 5 minutes. An interrupted study goes on where it stopped. The study of the rivals
has asked SmolLM2 as released, for all questions.
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

N_QUESTIONS = 50  # different ones of the test part, drawn once
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
    """Whether the right one of ten replies gains most from the question."""
    tokenizer = smollm2()[1]
    end, lists = torch.tensor([tokenizer.end_of_text]), candidates("test")

    def gained(question: str, answers: list[str]) -> list[float]:
        encoded = [torch.cat([tokenizer.encode(it), end]) for it in answers]
        return gains(model, asked_by("chat", question), encoded).tolist()

    every = sorted({it for place in drawn() for it in lists[place]}, key=len)
    unasked: dict[str, float] = {}
    for first in range(0, len(every), 16):
        some = every[first : first + 16]
        unasked |= dict(zip(some, gained("", some), strict=True))
    found = []
    for place in drawn():
        asked = gained(pairs_of("test")[place][0], lists[place])
        gain = [one - unasked[it] for one, it in zip(asked, lists[place], strict=True)]
        found.append(int(np.argmax(gain)) == 0)
    return {"places": drawn(), "chosen": found}


def adapted(learning_rate: float, seed: int) -> dict[str, Any]:
    """SmolLM2 after LoRA, trained exactly as in the study of LoRA."""
    # That study measures the merged model by this function; here it measures something else.
    dialogue_lora_study.quizzed = lambda model, template: chosen(model)
    return dialogue_lora_study.lora(learning_rate, seed, test=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_lora_choice")
    rows = lm.studies.load("06_applications/dialogue_lora")
    (rate,) = rows[rows.told.notna()].learning_rate.unique()
    for seed in SEEDS:
        study.row(adapted, learning_rate=rate, seed=seed)
    study.save()
