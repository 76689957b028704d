"""When does the diffusion model copy? The same network, trained on few pictures only.

A picture counts as a copy if it is nearer to one of the training pictures than to any of equally
many others of the training part that the network never saw. One thread, about a minute.
"""

import torch
from image_generation_study import PARTS, by_diffusion, train_diffusion

from largemodels.book.studies import Study, load


def copies(rate: float, rounds: int, seed: int, n_pictures: int) -> dict[str, float]:
    """One network that sees the first of the training pictures only."""
    model, spent = train_diffusion(rate, rounds, seed, n_pictures)
    pictures = by_diffusion(model, 300, 20).flatten(1)
    seen, others = PARTS["train"][: 2 * n_pictures].flatten(1).split(n_pictures)
    to_seen, to_others = (
        torch.cdist(pictures, it).min(dim=1).values for it in (seen, others)
    )
    return {
        "core_seconds": spent,
        "nearer": 100 * (to_seen < to_others).float().mean().item(),
        "to seen": to_seen.median().item(),
        "to others": to_others.median().item(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = load("06_applications/image_generation_longer")
    study = Study("06_applications/image_generation_copies")
    for n_pictures in (100, 10_000):
        study.row(
            copies, rate=float(rows.rate[0]), rounds=775, seed=0, n_pictures=n_pictures
        )
    study.save()
