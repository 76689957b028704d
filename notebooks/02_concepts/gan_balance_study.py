"""The ring again: what loses the modes, and does a collapsed game find them?

Three more experiments with the games of the study `gan`, at the rate of its non-saturating game.
The saturating gradient of the generator is scaled, in each step, to the length of the other loss's
gradient. Collapsed games go on with equal players. And the opponent of a balanced game stays frozen
for 5,000 rounds. One thread, about 3 minutes.
"""

import time

import torch
from gan_study import BATCH, ROUNDS, found, network, play, points
from torch import Tensor, nn

from largemodels.book.studies import Study
from largemodels.objectives.adversarial import discriminator_loss, generator_loss

RATE = 10**-2.5


def pair(seed: int, strength: float = 1.0) -> tuple[nn.Module, nn.Module, list]:
    """Two new players and their optimisers."""
    torch.manual_seed(seed)
    players = network(2), network(1)
    rates = RATE, strength * RATE
    return *players, [
        torch.optim.Adam(it.parameters(), lr=rate, betas=(0.5, 0.999))
        for it, rate in zip(players, rates, strict=True)
    ]


def rounds(make, tell, optimizers, n: int, steps: int = 1, scaled: bool = False) -> None:
    """So many rounds; with `scaled` of the saturating loss, at the other one's length."""
    makes, tells = optimizers
    for _ in range(n):
        for _ in range(steps):
            real, made = points(BATCH), make(torch.randn(BATCH, 2)).detach()
            loss = discriminator_loss(tell(real), tell(made))
            tells.zero_grad()
            loss.backward()
            tells.step()
        judged = tell(make(torch.randn(BATCH, 2)))
        weights = list(make.parameters())
        slopes = torch.autograd.grad(generator_loss(judged), weights, retain_graph=scaled)
        if scaled:
            own = torch.autograd.grad(generator_loss(judged, "saturating"), weights)
            factor = length(slopes) / length(own).clamp_min(1e-30)
            slopes = [factor * it for it in own]
        for weight, slope in zip(weights, slopes, strict=True):
            weight.grad = slope
        makes.step()


def length(slopes: list[Tensor]) -> Tensor:
    """Of all gradients together."""
    return torch.cat([it.flatten() for it in slopes]).norm()


def scaled(steps: int, seed: int) -> dict[str, float]:
    """The saturating game whose gradient does not shrink."""
    began = time.process_time()
    make, tell, optimizers = pair(seed)
    rounds(make, tell, optimizers, ROUNDS, steps=steps, scaled=True)
    return {"core_seconds": time.process_time() - began} | found(make)


def mended(strength: float, seed: int) -> dict[str, float]:
    """A game with a weak discriminator, then 1,000 and 2,000 rounds with an equal one."""
    began = time.process_time()
    make, tell, optimizers = pair(seed, strength)
    rounds(make, tell, optimizers, ROUNDS)
    row = {f"before, {k}": v for k, v in found(make).items()}
    optimizers[1].param_groups[0]["lr"] = RATE
    for after in (1_000, 2_000):
        rounds(make, tell, optimizers, 1_000)
        row |= {f"after {after}, {k}": v for k, v in found(make).items()}
    return {"core_seconds": time.process_time() - began} | row


def frozen(n: int, seed: int) -> dict[str, float]:
    """A balanced game, then so many rounds against its last discriminator."""
    began = time.process_time()
    make, _ = play("non-saturating", RATE, 1, 1.0, ROUNDS, seed, n)
    return {"core_seconds": time.process_time() - began} | found(make)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_balance")
    for seed in range(5):
        study.row(scaled, steps=10, seed=seed)
        study.row(mended, strength=0.1, seed=seed)
        study.row(frozen, n=5_000, seed=seed)
    study.save()
