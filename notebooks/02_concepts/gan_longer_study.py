"""The ring once more: what do more rounds change, and is it the ratio of the rates that matters?

Further games with the players of the study `gan`, at the rate of its non-saturating game: the
discriminator weakened only once the game is balanced; weak from the start, for ten times as long;
both players at the rate of that weak discriminator, as long, and at one in between. One thread,
about 9 minutes.
"""

import time

import torch
from gan_balance_study import RATE, pair, rounds
from gan_study import ROUNDS, found

from largemodels.book.studies import Study


def looks(make, tell, optimizers, after: tuple[int, ...]) -> dict[str, float]:
    """What the generator finds after so many rounds more."""
    row, done = {}, 0
    for n in after:
        rounds(make, tell, optimizers, n - done)
        row |= {f"after {n}, {k}": v for k, v in found(make).items()}
        done = n
    return row


def weakened(late: float, seed: int) -> dict[str, float]:
    """A balanced game, in which the discriminator's rate is then multiplied by `late`."""
    began = time.process_time()
    make, tell, optimizers = pair(seed)
    rounds(make, tell, optimizers, ROUNDS)
    row = {f"before, {k}": v for k, v in found(make).items()}
    optimizers[1].param_groups[0]["lr"] = late * RATE
    row |= looks(make, tell, optimizers, (1_000, 5_000))
    return {"core_seconds": time.process_time() - began} | row


def slow(generator: float, discriminator: float, n: int, seed: int) -> dict[str, float]:
    """A game in which the two rates are multiplied by these."""
    began = time.process_time()
    make, tell, optimizers = pair(seed)
    for optimizer, factor in zip(optimizers, (generator, discriminator), strict=True):
        optimizer.param_groups[0]["lr"] = factor * RATE
    row = looks(make, tell, optimizers, (ROUNDS, n))
    return {"core_seconds": time.process_time() - began} | row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_longer")
    for seed in range(5):
        study.row(weakened, late=0.1, seed=seed)
        for generator in (1.0, 0.1):
            key = {"generator": generator, "discriminator": 0.1, "n": 10 * ROUNDS}
            study.row(slow, **key, seed=seed)
    for seed in range(5):
        study.row(slow, generator=0.3, discriminator=0.3, n=2 * ROUNDS, seed=seed)
    study.save()
