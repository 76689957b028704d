"""A zigzag of many pieces: which depth does it take to fit it, by construction and by training?

Networks of one to six hidden layers with about 1,000 parameters each. Depth and number of pieces
get the learning rate that is best over two seeds that are not reported; then five other seeds. A
second part starts the network of 37 parameters that draws 64 pieces exactly from its weights
plus noise.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from largemodels.book.studies import Study, best_inside

STEPS, N = 2_000, 512
WIDTHS = {1: 333, 2: 30, 4: 17, 6: 13}  # hidden layers: width, for about 1,000 parameters
RATES = [1e-5 * 10 ** (k / 2) for k in range(12)]


def zigzag(x: Tensor, pieces: int) -> Tensor:
    """Up and down between 0 and 1, in so many straight pieces over 0 … 1."""
    place = (x * pieces) % 2
    return torch.minimum(place, 2 - place)


def network(depth: int) -> nn.Sequential:
    """Kinks of the first layer spread evenly over the interval; He's start above it."""
    widths = (1, *[WIDTHS[depth]] * depth, 1)
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        linear = nn.Linear(a, b)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    with torch.no_grad():
        layers[0].weight.copy_(torch.randint(2, (widths[1], 1)) * 2.0 - 1)
        layers[0].bias.copy_(-layers[0].weight[:, 0] * (2 * torch.rand(widths[1]) - 1))
    return nn.Sequential(*layers[:-1])


def folds(k: int) -> nn.Sequential:
    """The network of two units a layer that draws 2^k pieces; its input is from -1 to 1."""
    tent = torch.tensor([[2.0, -4.0]])
    layers: list[nn.Module] = []
    for i in range(k):
        linear = nn.Linear(1 if i == 0 else 2, 2)
        with torch.no_grad():
            linear.weight.copy_(torch.full((2, 1), 0.5) if i == 0 else tent.expand(2, 2))
            linear.bias.copy_(torch.tensor([0.5, 0.0] if i == 0 else [0.0, -0.5]))
        layers += [linear, nn.ReLU()]
    last = nn.Linear(2, 1)
    with torch.no_grad():
        last.weight.copy_(tent)
        last.bias.zero_()
    return nn.Sequential(*layers, last)


def train(
    model: nn.Module, pieces: int, rate: float, steps: int = STEPS
) -> dict[str, float]:
    """Root of the mean squared error before and after; 0.289 is that of the best constant."""
    x = torch.linspace(0, 1, N)[:, None]
    x_test = torch.rand(4_096, 1, generator=torch.Generator().manual_seed(1))
    y, y_test = zigzag(x, pieces), zigzag(x_test, pieces)
    step = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(step, steps)

    @torch.no_grad()
    def test() -> float:
        error = ((model(2 * x_test - 1) - y_test) ** 2).mean().sqrt().item()
        return error if math.isfinite(error) else 1e9

    before = test()
    for _ in range(steps):
        loss = ((model(2 * x - 1) - y) ** 2).mean()
        step.zero_grad()
        loss.backward()
        step.step()
        schedule.step()
    return {"before": before, "rmse": test()}


def random_start(
    depth: int, pieces: int, rate: float, seed: int, steps: int = STEPS
) -> dict[str, float]:
    """From random weights."""
    torch.manual_seed(seed)
    return train(network(depth), pieces, rate, steps)


def near(noise: float, rate: float, seed: int) -> dict[str, float]:
    """From the exact network for 64 pieces; noise is its standard deviation on each weight."""
    torch.manual_seed(seed)
    model = folds(6)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(noise * torch.randn_like(weights))
    return train(model, 64, rate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth")

    def tuned(compute, seeds, **key) -> None:
        """Rows at the best learning rate."""

        def score(rate: float) -> float:
            return sum(
                study.row(compute, **key, rate=rate, seed=seed)["rmse"]
                for seed in (100, 101)
            )

        rate = best_inside(RATES, RATES[4:7], score)
        for seed in seeds:
            study.row(compute, **key, rate=rate, seed=seed)

    for pieces in (8, 16, 32):
        for depth in (1, 2, 4, 6):
            tuned(random_start, range(5), depth=depth, pieces=pieces)
    for noise in (0.001, 0.003, 0.01, 0.03, 0.1):
        tuned(near, range(5), noise=noise)
    study.save()
