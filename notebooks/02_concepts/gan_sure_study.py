"""Are labels the limit when generated pictures are to help a classifier with 100 labels?

As in the study `gan_labels`, with shifted and mirrored copies and at the learning rate chosen
there, but the added pictures are labelled by a classifier that knows all 55,000 labels. One thread,
about 3 minutes.
"""

import gan_labels_study as first
import torch
from gan_judge_study import error, judge

import largemodels as lm

RATE = first.RATES[4]  # 0.01, of `gan_labels`, with shifted and mirrored copies
WEIGHTS = [10 ** (k / 2) for k in range(-3, 5)]


def run(kind: str, weight: float, seed: int) -> dict[str, float]:
    """Errors in per cent."""
    x, y = first.PARTS["train"]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[y[order] == label][:10] for label in range(10)])
    kept = lm.studies.weights("02_concepts/gan_judge", "convolutions")
    knows = judge("convolutions").eval()
    knows.load_state_dict(kept.state)
    pictures = first.added(kind, seed)
    with torch.no_grad():
        labels = torch.cat([knows(some).argmax(1) for some in pictures.split(500)])
    torch.manual_seed(seed)
    model = first.classifier(
        2 * x[chosen] - 1, y[chosen], True, RATE, (pictures, labels), weight
    )
    validation = (some[:1_000] for some in first.PARTS["validation"])
    return {
        "validation_error": error(model, *validation),
        "test_error": error(model, *first.PARTS["test"]),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/gan_sure")
    for kind in ("generated", "real"):

        def score(weight: float, kind: str = kind) -> float:
            """Validation error over two seeds that are not reported."""
            return sum(
                study.row(run, kind=kind, weight=weight, seed=seed)["validation_error"]
                for seed in (100, 101)
            )

        weight = lm.studies.best_inside(WEIGHTS, (1.0,), score)
        for seed in range(5):
            study.row(run, kind=kind, weight=weight, seed=seed)
    study.save()
