"""A ring of eight Gaussians: which game finds all of them, and how strong may the discriminator be?

Three games at about equal time: each gets its learning rate, then the number of steps of the
discriminator in a round, by the divergence over two seeds that are not reported; then five other
seeds. After that, at the rate of the non-saturating game and an equal number of rounds, the
discriminator of two games is made weaker by a lower learning rate and stronger by more steps, and
last it is frozen. One thread, about 8 minutes.
"""

import math
import time

import torch
from torch import Tensor, nn

from largemodels.book.studies import Study, best_inside
from largemodels.objectives.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)

BATCH, SPREAD, ROUNDS = 128, 0.05, 2_000
RATES = [1e-4 * 10 ** (k / 2) for k in range(7)]
# Rounds in about 4 core seconds, by game and steps of the discriminator in a round.
TIMED = {
    ("non-saturating", 1): 2_000,
    ("non-saturating", 3): 1_000,
    ("saturating", 1): 2_000,
    ("saturating", 3): 1_000,
    ("wasserstein", 1): 1_550,
    ("wasserstein", 3): 680,
}
ANGLES = torch.arange(8) * math.pi / 4
CENTRES = 2 * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)  # (8, 2)


def network(outputs: int) -> nn.Sequential:
    """Two numbers to one or two; generator and discriminator are of the same kind."""
    hidden = [nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, outputs))


def points(n: int) -> Tensor:
    """Real samples, `(n, 2)`."""
    return CENTRES[torch.randint(8, (n,))] + SPREAD * torch.randn(n, 2)


@torch.no_grad()
def found(make: nn.Module, n: int = 10_000) -> dict[str, float]:
    """How the samples fall into nine boxes: within 3 standard deviations of a centre, or elsewhere.

    A mode counts as found if it gets a fifth of its share. The divergence is that of Jensen and
    Shannon between the shares of the boxes and one eighth for each mode, in bits.
    """
    generator = torch.Generator().manual_seed(0)
    distance, nearest = torch.cdist(
        make(torch.randn(n, 2, generator=generator)), CENTRES
    ).min(1)
    box = torch.where(distance < 3 * SPREAD, nearest, 8)
    q = torch.bincount(box, minlength=9) / n
    p = torch.tensor([1 / 8] * 8 + [0.0])
    middle = (p + q) / 2
    parts = [torch.where(it > 0, it * (it / middle).log2(), 0.0).sum() for it in (p, q)]
    return {
        "modes": int((q[:8] > 0.2 / 8).sum()),
        "near a centre": 1 - q[8].item(),
        "divergence": sum(parts).item() / 2,
    }


def play(
    game: str, rate: float, steps: int, strength: float, rounds: int, seed: int, frozen: int
):
    """The generator after so many rounds, in the last of which the discriminator is frozen."""
    torch.manual_seed(seed)
    make, tell = network(2), network(1)
    judged = lambda x: tell(x)[:, 0]  # noqa: E731
    betas = (0.0, 0.9) if game == "wasserstein" else (0.5, 0.999)
    makes = torch.optim.Adam(make.parameters(), lr=rate, betas=betas)
    tells = torch.optim.Adam(tell.parameters(), lr=strength * rate, betas=betas)
    for i in range(rounds + frozen):
        for _ in range(steps if i < rounds else 0):
            real, made = points(BATCH), make(torch.randn(BATCH, 2)).detach()
            loss = discriminator_loss(judged(real), judged(made), game)
            if game == "wasserstein":
                loss = loss + 0.1 * gradient_penalty(judged, real, made)
            tells.zero_grad()
            loss.backward()
            tells.step()
        loss = generator_loss(judged(make(torch.randn(BATCH, 2))), game)
        makes.zero_grad()
        loss.backward()
        makes.step()
    return make, tell


def run(
    game: str,
    rate: float,
    steps: int,
    strength: float,
    rounds: int,
    seed: int,
    frozen: int = 0,
) -> dict[str, float]:
    """One game."""
    began = time.process_time()
    make, _ = play(game, rate, steps, strength, rounds, seed, frozen)
    return {"core_seconds": time.process_time() - began} | found(make)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan")
    best = {}
    for game in ("non-saturating", "saturating", "wasserstein"):

        def score(rate: float, steps: int = 1, game: str = game) -> float:
            """Divergence over two seeds that are not reported."""
            key = {"game": game, "rate": rate, "steps": steps, "strength": 1.0}
            key["rounds"] = TIMED[game, steps]
            rows = [study.row(run, **key, seed=seed) for seed in (100, 101)]
            return sum(row["divergence"] for row in rows)

        rate = best_inside(RATES, RATES[2:5], score)
        steps = min((1, 3), key=lambda it, rate=rate, score=score: score(rate, it))
        best[game] = rate
        key = {"game": game, "rate": rate, "steps": steps, "strength": 1.0}
        for seed in range(5):
            study.row(run, **key, rounds=TIMED[game, steps], seed=seed)
    rate = best["non-saturating"]
    for game in ("non-saturating", "saturating"):
        for steps, strength in (
            (1, 0.03),
            (1, 0.1),
            (1, 0.3),
            (1, 1.0),
            (3, 1.0),
            (10, 1.0),
        ):
            for seed in range(5):
                key = {"game": game, "rate": rate, "steps": steps, "strength": strength}
                study.row(run, **key, rounds=ROUNDS, seed=seed)
    for seed in range(5):
        key = {"game": "non-saturating", "rate": rate, "steps": 1, "strength": 1.0}
        study.row(run, **key, rounds=ROUNDS, seed=seed, frozen=500)
    study.save()
