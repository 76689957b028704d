"""The formats in which versions of the library have saved models, so that checkpoints of earlier versions still load.

A checkpoint's record states the format of its description; :data:`FORMAT` is the current one, and a record without a
number has format 1.

======  ==========================================================================================================
format  what changed
======  ==========================================================================================================
2       A GPT's activation "gelu" meant the approximation by tanh, now "gelu_tanh"; "gelu" is exact. ``rope_pairs``
        went: pairs are halves. The layers ``expand`` and ``contract`` of a block lie in its ``mlp``.
======  ==========================================================================================================
"""

from __future__ import annotations

import re
from typing import Any

FORMAT = 2


def present_description(described: dict[str, Any]) -> dict[str, Any]:
    """A model's class and config from a checkpoint's record, converted to the current format.

    Args:
        described: has ``class`` and ``config``, which may be None; and ``format``, if not 1.

    Raises:
        ValueError: if this version has no such model any more, or not yet.
    """
    saved_in = described.get("format", 1)
    if saved_in > FORMAT:
        raise ValueError("It was saved by a later version of largemodels: upgrade with pip.")
    config = described["config"]
    if saved_in < 2 and described["class"] == "GPT" and config:
        config = dict(config)
        if config.pop("rope_pairs", "halves") != "halves":
            raise ValueError("It has interleaved rotary positions, which this version of largemodels lacks.")
        if config.get("activation", "gelu") == "gelu":
            config["activation"] = "gelu_tanh"
    return {**described, "config": config, "format": FORMAT}


def present_name(name: str, described: dict[str, Any]) -> str:
    """The present name of a weight.

    Args:
        name: the one that it was saved under.
        described: the model's description, as it was saved.
    """
    if described.get("format", 1) < 2 and described["class"] == "GPT":
        return re.sub(r"^(blocks\.\d+)\.(expand|contract)\.", r"\1.mlp.\2.", name)
    return name
