"""How to train, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..models.checks import at_least, one_of

OPTIMIZERS = ("adamw", "muon")


@dataclass(frozen=True)
class TrainingConfig:
    """How to train, and for how long: until the steps or the seconds run out, whichever comes first.

    Both count from the start of the run. A run in a folder may be resumed with more of them, see :mod:`.length`.
    """

    steps: int | None = None  # updates of the weights
    learning_rate: float = 1e-3  # peak learning rate of AdamW, reached at the end of the warm-up
    warmup_steps: int = 0  # steps over which the learning rate rises linearly
    final_fraction: float = 0.1  # final learning rate as a fraction of the peak
    weight_decay: float = 0.1  # on matrices, filters and embeddings of layers, not on biases and norms
    betas: tuple[float, float] = (0.9, 0.95)  # decay rates of AdamW's two running means
    clip_norm: float | None = 1.0  # gradients of larger norm are scaled down to it; None: no clipping
    evaluate_every: int = 100  # steps between evaluations
    seconds: float | None = None  # training time, excluding evaluation and saving
    optimizer: str = "adamw"  # or "muon": Muon for the matrices, AdamW for the rest
    matrix_learning_rate: float = 0.02  # peak learning rate of Muon
    momentum: float = 0.95  # of Muon
    accumulate: int = 1  # batches per update, which together act as one large batch
    precision: str = "fp32"  # or "bf16": matrix products in bfloat16; the weights stay in fp32
    compile: bool = False  # torch.compile: slow to start, then faster
    patience: int | None = None  # stop after this many evaluations in a row without a new best
    watch: str = "validation_loss"  # the value from evaluate that patience compares; lower is better
    save_every: int = 100  # steps between checkpoints, so at most this many are lost if the process is killed

    def __post_init__(self) -> None:
        if self.steps is None and self.seconds is None:
            raise ValueError("Say how long to train: steps or seconds.")
        at_least(1, steps=self.steps, evaluate_every=self.evaluate_every, save_every=self.save_every)
        at_least(1, accumulate=self.accumulate, patience=self.patience)
        if not 0 <= self.warmup_steps <= (self.steps or math.inf):
            raise ValueError(f"warmup_steps must lie between 0 and steps, not {self.warmup_steps}.")
        for name in ("learning_rate", "matrix_learning_rate", "clip_norm", "seconds"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {value}.")
        for name in ("final_fraction", "weight_decay", "momentum"):
            if not math.isfinite(value := getattr(self, name)):
                raise ValueError(f"{name} must be finite, not {value}.")
        one_of(OPTIMIZERS, optimizer=self.optimizer)
        one_of(("fp32", "bf16"), precision=self.precision)
