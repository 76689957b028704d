"""Does the network of the letters see through noise once its training has shown noise?

The network that the study of the letters keeps is trained on for 150 steps in episodes, with noise
on half the pictures, or without noise on the same pictures: three seeds of the further training.
Judged as in the checks, with one font of a letter shown and another asked for.
"""

import meta_learning_checks_study as checks
import meta_learning_letters_study as letters_study
import torch
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.prototypical import Prototypical, PrototypicalConfig

STEPS = 150
RATE = letters_study.RATES[3]  # a tenth of that of the training before


def kept() -> Prototypical:
    """The stored network."""
    stored = lm.studies.weights("02_concepts/meta_learning_letters", "episodes")
    model = Prototypical(PrototypicalConfig(**stored.config))
    model.load_state_dict(stored.state)
    return model


def trained_on(added: float, seed: int) -> dict[str, object]:
    """Added is the noise's standard deviation; each picture has noise with probability one half."""
    model, data = kept().train(), letters_study.Letters(seed)
    generator = torch.Generator().manual_seed(seed)  # so that the letters are the same

    def loss() -> Tensor:
        classes = data.classes(60, False)[:, None].expand(-1, 2)
        pictures = data.draw(classes.flatten())
        some = torch.randint(2, (len(pictures), 1, 1, 1), generator=generator)
        pictures = pictures + added * some * torch.randn(
            pictures.shape, generator=generator
        )
        pictures = pictures.view(60, 2, 1, 28, 28)
        return model.loss(pictures[:, :1], pictures[:, 1:])

    groups = [dict(params=model.parameters(), lr=RATE)]
    seconds = letters_study.fit(loss, groups, STEPS)
    return checks.judged({"network": model.eval()}) | {"core_seconds": seconds}


def as_stored(steps: int) -> dict[str, object]:
    """Before any further step; steps is 0, for a key."""
    return checks.judged({"network": kept().eval()})


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning_noise")
    study.row(as_stored, steps=0)
    for seed in range(200, 203):  # none of the seeds of the training before
        for added in (0.3, 0.0):  # 0.3 as in the checks
            study.row(trained_on, added=added, seed=seed)
    study.save()
