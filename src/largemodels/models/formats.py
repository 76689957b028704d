"""Formats of saved models across versions of the library, so that checkpoints of earlier versions still load.

A checkpoint's record states the format of its model description; :data:`FORMAT` is the current one, and a record
without a number has format 1.

======  ==========================================================================================================
format  what changed
======  ==========================================================================================================
2       A GPT's activation "gelu" meant the tanh approximation, now "gelu_tanh"; "gelu" is now exact. ``rope_pairs``
        was removed: pairs are always halves. A block's layers ``expand`` and ``contract`` moved into its ``mlp``.
======  ==========================================================================================================
"""

from __future__ import annotations

import re
from typing import Any

FORMAT = 2


def present_description(described: dict[str, Any]) -> dict[str, Any]:
    """A model's class and config from a checkpoint's record, converted to the current format.

    Args:
        described: ``class``, ``config`` (may be None) and, unless it is 1, ``format``.

    Raises:
        ValueError: if this version no longer supports the model, or does not support it yet.
    """
    saved_in = described.get("format", 1)
    if saved_in > FORMAT:
        raise ValueError("It was saved by a newer version of largemodels: upgrade with pip.")
    config = described["config"]
    if saved_in < 2 and described["class"] == "GPT" and config:
        config = dict(config)
        if config.pop("rope_pairs", "halves") != "halves":
            raise ValueError("It has interleaved rotary positions, which this version no longer supports.")
        if config.get("activation", "gelu") == "gelu":
            config["activation"] = "gelu_tanh"
    return {**described, "config": config, "format": FORMAT}


def present_name(name: str, described: dict[str, Any]) -> str:
    """The current name of a weight.

    Args:
        name: the name under which it was saved.
        described: the model's description, as saved.
    """
    if described.get("format", 1) < 2 and described["class"] == "GPT":
        return re.sub(r"^(blocks\.\d+)\.(expand|contract)\.", r"\1.mlp.\2.", name)
    return name
