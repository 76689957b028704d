"""Study of the chapter "Detection": how much around a thing should a window see?

    make study NAME=06_applications/detection_rival

One thread, about a minute. In the first study windows that also see one cell around a thing did
better than windows that see none. Here the margin goes on along its ladder, with 1,000 training
scenes of the first draw, by the precision on its validation scenes.
"""

from __future__ import annotations

from typing import Any

import torch
from detection_study import drawn, hog, precision

import largemodels as lm

PENALTY = 1e-3  # chosen in the first study
FEW = 1_000
MARGINS = [0, 1, 2, 3, 4, 5]


def tune(margin: int) -> dict[str, Any]:
    """Validation precision, at three limits of suppression."""
    model, its = hog(0, PENALTY, margin, True, FEW), drawn("validation", 0)
    return {
        f"validation at {most}": precision(model, its, most) for most in (0.3, 0.4, 0.5)
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/detection_rival")

    def trial(margin: float) -> float:
        """Minus the highest validation precision."""
        row = study.row(tune, margin=int(margin))
        return -max(row[f"validation at {most}"] for most in (0.3, 0.4, 0.5))

    lm.studies.best_inside(MARGINS, [2], trial)
    study.save()
