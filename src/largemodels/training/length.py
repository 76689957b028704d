"""Making a run longer: its steps and seconds may change when it is resumed, all that its weights rest on may not.

The learning rate of a step depends on the step, the time and the length that the run has when the step is done. So the
steps done before the change keep what they were; from there on the schedule is that of a run which had the new length
from the start, and a finished run's learning rate rises again before it falls. (Ibrahim et al., 2024,
https://arxiv.org/abs/2403.08763, find that a finished run needs this: "re-warming and re-decaying".)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .checkpoint_files import SettingsError
from .config import TrainingConfig

LENGTH = ("steps", "seconds")


def changed_length(
    saved: dict[str, Any], config: TrainingConfig, progress: dict[str, Any], folder: Path
) -> tuple[str, ...]:
    """The settings that may differ from the saved ones because the run has been given another length.

    Args:
        saved: the settings of the checkpoint.
        config: those of the run now.
        progress: ``step`` and ``seconds`` of the checkpoint.
        folder: of the checkpoint, for the message.

    Returns:
        none if the length is the same; else the length and the warm-up, which is chosen in proportion to it.

    Raises:
        SettingsError: if the run is longer already: its result is not that of a shorter one.
    """
    if all(saved.get(name) == getattr(config, name) for name in LENGTH):
        return ()
    for name, done in (("steps", progress["step"]), ("seconds", progress["seconds"])):
        wanted = getattr(config, name)
        if wanted is not None and done > wanted:
            raise SettingsError(
                f"{folder} has {done:,.10g} {name} of training already, more than {wanted:,.10g}: ask for more, or "
                "name another folder."
            )
    return (*LENGTH, "warmup_steps")


def length_note(saved: dict[str, Any], config: TrainingConfig) -> str:
    """A sentence about a changed length; empty if it is the same."""
    old, new = (
        " or ".join(f"{value:,.10g} {name}" for name in LENGTH if (value := length[name]) is not None)
        for length in (saved, {name: getattr(config, name) for name in LENGTH})
    )
    return (
        "" if old == new else f" Its length is now {new}, not {old}; the learning rate follows the new one."
    )
