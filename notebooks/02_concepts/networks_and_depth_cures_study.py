"""Overfitting on 1,000 pictures of Fashion-MNIST: which cure is worth its trouble?

A seed draws the 1,000 pictures (the same for all rivals) and the starting weights. Each rival has
one setting, chosen for the error on 1,000 validation pictures over two seeds that are not reported;
early stopping looks at these pictures after every second pass. The learning rate is the one that is
best for the network without a cure.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside

PARTS = lm.fashion_mnist()
WIDTH, PASSES, BATCH = 256, 60, 100
LADDERS = {
    "logistic regression": [
        1e-4 * 10 ** (k / 2) for k in range(11)
    ],  # weight decay of the loss
    "no cure": [1e-5 * 10 ** (k / 2) for k in range(9)],  # learning rate
    "weight decay": [0.01 * 10 ** (k / 2) for k in range(11)],  # of AdamW
    "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "shifted copies": [0, 1, 2, 3, 4],  # pixels, at most
}


def shifted(x: Tensor, most: int) -> Tensor:
    """Each picture moved by up to so many pixels, and half of them mirrored."""
    padded = F.pad(x, (most,) * 4)
    across, down = torch.randint(2 * most + 1, (2, len(x), 1, 1))
    rows, columns = (
        torch.arange(28)[None, :, None] + down,
        torch.arange(28)[None, None] + across,
    )
    moved = padded[torch.arange(len(x))[:, None, None], 0, rows, columns][:, None]
    mirrored = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(mirrored, moved.flip(3), moved)


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """In per cent."""
    with torch.no_grad():
        return 100 * (model.eval()(x).argmax(dim=1) != y).float().mean().item()


def run(
    cure: str, strength: float, rate: float, depth: int, n: int, seed: int
) -> dict[str, float]:
    """Errors in per cent: of the last step, and of the best step on the validation pictures."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(PARTS["train"][0]), generator=generator)[:n]
    x, y = (it[chosen] for it in PARTS["train"])
    x_val, y_val = (it[:1_000] for it in PARTS["validation"])
    torch.manual_seed(seed)
    widths, layers = (784, *[WIDTH] * depth), [nn.Flatten()]
    for a, b in zip(widths, widths[1:], strict=False):  # noqa: RUF007
        linear = nn.Linear(a, b)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        layers += [linear, nn.ReLU(), nn.Dropout(strength if cure == "dropout" else 0.0)]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], 10))
    decay = strength if cure == "weight decay" else 0.0
    step = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    total = PASSES * 10  # steps of 100 pictures, however many there are
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(step, total)
    best, state = (101.0, 0), {}
    for i in range(total):
        model.train()
        some = torch.randint(n, (BATCH,))
        pictures = shifted(x[some], int(strength)) if cure == "shifted copies" else x[some]
        loss = F.cross_entropy(model(pictures), y[some])
        if cure == "logistic regression":
            loss = loss + strength * model[-1].weight.square().sum()
        step.zero_grad()
        loss.backward()
        step.step()
        schedule.step()
        if (i + 1) % 20 == 0 and (found := error(model, x_val, y_val)) < best[0]:
            best = (found, i + 1)
            state = {name: it.clone() for name, it in model.state_dict().items()}
    result = {
        "train_error": error(model, x, y),
        "validation_error": error(model, x_val, y_val),
        "test_error": error(model, *PARTS["test"]),
        "stopped_at": best[1],
        "stopped_validation": best[0],
    }
    model.load_state_dict(state)
    return result | {"stopped_test": error(model, *PARTS["test"])}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth_cures")

    def tuned(cure: str, first: slice, **key: float) -> float:
        """The best setting, after five seeds at it."""
        name = "rate" if cure == "no cure" else "strength"

        def score(value: float) -> float:
            rows = [
                study.row(run, cure=cure, **key, **{name: value}, seed=seed)
                for seed in (100, 101)
            ]
            return sum(row["validation_error"] for row in rows)

        ladder = LADDERS[cure]
        if cure == "shifted copies":  # 0 is a natural limit
            value = min(ladder, key=score)
        else:
            value = best_inside(ladder, ladder[first], score)
        for seed in range(5):
            study.row(run, cure=cure, **key, **{name: value}, seed=seed)
        return value

    tuned("logistic regression", slice(2, 5), rate=0.01, depth=0, n=1_000)
    for depth in (4,):
        tuned("no cure", slice(3, 6), strength=0.0, depth=depth, n=1_000)
    rate = tuned("no cure", slice(3, 6), strength=0.0, depth=1, n=1_000)
    tuned("weight decay", slice(3, 7), rate=rate, depth=1, n=1_000)
    tuned("dropout", slice(4, 7), rate=rate, depth=1, n=1_000)
    tuned("shifted copies", slice(0, 4), rate=rate, depth=1, n=1_000)
    for n in (2_000, 4_000):
        for seed in range(5):
            study.row(
                run, cure="more pictures", strength=0.0, rate=rate, depth=1, n=n, seed=seed
            )
    study.save()
