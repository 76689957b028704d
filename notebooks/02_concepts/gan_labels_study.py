"""Do pictures of a generator help a classifier with 100 labels, beside shifted and mirrored copies?

The generator of the study `gan_pictures` has seen all training pictures and no label. A classifier
of the 100 labelled pictures labels its pictures, and a second classifier learns from both. The same
is done with real pictures without labels, from which the generator had learnt. A seed draws the 100
pictures, ten a class. Learning rate and weight of the added pictures are chosen on 1,000 validation
pictures, over two seeds that are not reported. One thread, about 3 minutes.
"""

import torch
import torch.nn.functional as F
from gan_judge_study import error, judge
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside, weights
from largemodels.models.dcgan import DCGAN, DCGANConfig

PARTS = lm.fashion_mnist()
STEPS, BATCH, ADDED = 300, 50, 5_000
RATES = [1e-4 * 10 ** (k / 2) for k in range(6)]
WEIGHTS = [0.01 * 10 ** (k / 2) for k in range(7)]  # of the loss on added pictures


def shifted(x: Tensor) -> Tensor:
    """Pictures from -1 to 1, each moved by up to two pixels, and half of them mirrored."""
    padded = F.pad(x, (2,) * 4, value=-1.0)
    n = len(x)
    down, across = torch.randint(5, (2, n, 1, 1))
    rows, columns = torch.arange(28)[:, None] + down, torch.arange(28) + across
    moved = padded[torch.arange(n)[:, None, None], 0, rows, columns][:, None]
    return torch.where(torch.rand(n, 1, 1, 1) < 0.5, moved.flip(3), moved)


def added(kind: str, seed: int) -> Tensor:
    """5,000 pictures `(n, 1, 28, 28)` without labels, from -1 to 1."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "real":
        chosen = torch.randperm(len(PARTS["train"][0]), generator=generator)[:ADDED]
        return 2 * PARTS["train"][0][chosen] - 1
    kept = weights("02_concepts/gan_pictures", "generator")
    model = DCGAN(DCGANConfig(**kept.config)).generator.eval()
    model.load_state_dict(kept.state)
    noise = torch.randn(ADDED, model.config.latent_size, generator=generator)
    with torch.no_grad():
        return torch.cat([model(some) for some in noise.split(500)])


def classifier(x: Tensor, y: Tensor, shifts: bool, rate: float, more=None, weight=0.0):
    """Train one on labelled pictures, and on more, which have labels of a first one."""
    model: nn.Module = judge("convolutions")
    step = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(step, rate, total_steps=STEPS)
    change = shifted if shifts else lambda pictures: pictures
    for _ in range(STEPS):
        some = torch.randint(len(x), (BATCH,))
        loss = F.cross_entropy(model(change(x[some])), y[some])
        if more is not None:
            some = torch.randint(len(more[0]), (BATCH,))
            loss = loss + weight * F.cross_entropy(
                model(change(more[0][some])), more[1][some]
            )
        step.zero_grad()
        loss.backward()
        step.step()
        schedule.step()
    return model


def run(shifts: bool, kind: str, rate: float, weight: float, seed: int) -> dict[str, float]:
    """Errors in per cent."""
    x, y = PARTS["train"]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[y[order] == label][:10] for label in range(10)])
    x, y = 2 * x[chosen] - 1, y[chosen]
    torch.manual_seed(seed)
    model = classifier(x, y, shifts, rate)
    row = {}
    if kind != "nothing":
        pictures = added(kind, seed)
        with torch.no_grad():
            labels = torch.cat([model(some).argmax(1) for some in pictures.split(500)])
        row["most frequent label"] = labels.bincount(minlength=10).max().item() / ADDED
        model = classifier(x, y, shifts, rate, (pictures, labels), weight)
    validation = PARTS["validation"][0][:1_000], PARTS["validation"][1][:1_000]
    return row | {
        "validation_error": error(model, *validation),
        "test_error": error(model, *PARTS["test"]),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_labels")

    def score(**key) -> float:
        """Validation error over two seeds that are not reported."""
        return sum(
            study.row(run, **key, seed=seed)["validation_error"] for seed in (100, 101)
        )

    for shifts in (False, True):
        key = {"shifts": shifts, "kind": "nothing", "weight": 0.0}
        rate = best_inside(RATES, RATES[2:4], lambda it, key=key: score(**key, rate=it))
        for seed in range(5):
            study.row(run, **key, rate=rate, seed=seed)
        for kind in ("generated", "real") if shifts else ():
            key = {"shifts": shifts, "kind": kind, "rate": rate}
            weight = best_inside(
                WEIGHTS, WEIGHTS[2:5:2], lambda it, key=key: score(**key, weight=it)
            )
            for seed in range(5):
                study.row(run, **key, weight=weight, seed=seed)
    study.save()
