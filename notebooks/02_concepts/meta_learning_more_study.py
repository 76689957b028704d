"""Episodes with three times the steps: do they stay ahead of ordinary training with as many?"""

import meta_learning_letters_study as first
import torch

from largemodels.book.studies import Study


def longer(kind: str, rate: float, seed: int, steps: int) -> dict[str, object]:
    """The other study's training in episodes, with more steps."""
    first.STEPS = steps
    return first.episodic(kind, False, rate, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning_more")
    for seed in range(1, 4):
        study.row(
            longer, kind="60 way, 1 shot", rate=first.RATES[5], seed=seed, steps=1_200
        )
    study.save()
