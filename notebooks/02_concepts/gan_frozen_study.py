"""The ring once more: what becomes of a new generator whose opponent never moves?

Each balanced game of the study `gan` is played again and its discriminator frozen. A generator that
has not played yet then learns against it, for 5,000 rounds, at the rate of that game. (In the study
`gan_balance` the generator of the game itself goes on.) One thread, about a minute.
"""

import time

import torch
from gan_balance_study import RATE, pair
from gan_study import BATCH, ROUNDS, found, play

from largemodels.book.studies import Study
from largemodels.objectives.adversarial import generator_loss


def new(n: int, seed: int) -> dict[str, float]:
    """A generator that begins against the last discriminator of a balanced game."""
    began = time.process_time()
    _, tell = play("non-saturating", RATE, 1, 1.0, ROUNDS, seed, 0)
    make, _, (makes, _) = pair(100 + seed)
    row = {}
    for i in range(n):
        loss = generator_loss(tell(make(torch.randn(BATCH, 2))))
        makes.zero_grad()
        loss.backward()
        makes.step()
        if i + 1 == ROUNDS:
            row = {f"after {ROUNDS}, {k}": v for k, v in found(make).items()}
    return {"core_seconds": time.process_time() - began} | row | found(make)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_frozen")
    for seed in range(5):
        study.row(new, n=5_000, seed=seed)
    study.save()
