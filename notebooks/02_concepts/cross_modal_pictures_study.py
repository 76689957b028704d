"""Pictures of the chapter "Pictures and words" as vectors of a frozen EfficientNet-Lite0.

    make study NAME=02_concepts/cross_modal_pictures

One thread, about 2 minutes. The vectors of the 1,375 emoji, 3.5 MB, are kept for the chapter and
for its other study.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

import largemodels as lm
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0


@torch.no_grad()
def keep() -> dict[str, Any]:
    """EfficientNet's vectors of all pictures by part, ``(n, 1280)``; their mean in the row."""
    network, found = load_efficientnet_lite0(), {}
    for part, emoji in lm.emoji().items():
        batches = [
            F.interpolate(some / 255, size=(224, 224), mode="bilinear")
            for some in emoji.pictures.float().split(32)
        ]
        found[part] = torch.cat(
            [network.features(lite0_pixels(batch)) for batch in batches]
        )
    study.keep("vectors", found, {"width": 1280})
    return {f"mean_{part}": vectors.mean().item() for part, vectors in found.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal_pictures")
    study.row(keep)
    study.save()
