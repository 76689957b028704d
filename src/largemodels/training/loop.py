"""The training loop, one for every model of the book.

A step draws a batch, computes the loss and its gradient, and updates the weights. Around that the loop adds a learning
rate that rises linearly and falls along a cosine, and clipping of the gradient norm (the recipe of GPT-3: Brown et al.,
2020, appendix B, https://arxiv.org/abs/2005.14165); evaluation on a schedule; and checkpoints, from which an
interrupted run resumes as if nothing had happened.

The loop knows nothing about language: model, batches and loss may be of any kind. Most methods need only a loss. Those
that need more (adversarial training, meta-learning, private or federated training) pass ``gradients``, which may
compute them in any way, such as with ``torch.func`` or in an inner loop on a copy of the model; clipping, optimisers,
schedule, history and checkpoints remain those of the loop. Two networks that train against each other go into one
module. If they take turns, each batch must say whose turn it is: state that a function keeps between calls is not saved
in checkpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..models.modes import evaluating
from .bar import Bar
from .batch import Batch
from .config import TrainingConfig
from .history import History, Progress
from .interrupts import Interrupted, deferred_interrupts
from .parallel import Team, local_rank
from .randomness import same_randomness
from .step import Stepper

if TYPE_CHECKING:
    from .checkpoints import RunFolder


def device() -> torch.device:
    """The accelerator if there is one (under ``torchrun`` this process's), otherwise the CPU.

    Raises:
        ValueError: if ``torchrun`` started more processes than there are accelerators.
    """
    if torch.accelerator.is_available() and (found := torch.accelerator.current_accelerator()):
        rank = local_rank(found.type)
        return found if rank is None else torch.device(found.type, rank)
    return torch.device("cpu")


def schedule(step: int, config: TrainingConfig, seconds: float = 0.0) -> float:
    """Fraction of the peak learning rate: a linear warm-up, then half a cosine down to ``final_fraction``.

    Args:
        step: from 0.
        config: with a budget of seconds, the cosine follows the time, or the steps if those are further along.
        seconds: training time so far.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    passed = 0.0  # from 0 to 1
    if config.steps is not None:
        passed = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
    if config.seconds is not None:
        passed = max(passed, min(1.0, seconds / config.seconds))
    cosine = (1 + math.cos(math.pi * passed)) / 2  # from 1 to 0
    return config.final_fraction + (1 - config.final_fraction) * cosine


def train(
    model: nn.Module,
    batches: Iterable[Batch] | Callable[[int], Iterable[Batch]],
    config: TrainingConfig,
    evaluate: Callable[[], dict[str, Any]] | None = None,
    *,
    loss: Callable[..., Tensor] | None = None,
    gradients: Callable[..., Tensor] | None = None,
    optimizers: Callable[[nn.Module], list[Optimizer]] | None = None,
    count: Callable[..., int | Tensor] | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    """Train a model in place; by several processes if ``torchrun`` started them, see :mod:`.parallel`.

    Args:
        model: any module. If it is in training mode, submodules in evaluation mode stay there; if it is in evaluation
            mode, only its parts without trainable parameters stay there.
        batches: tensors ``(batch, …)``, alone or in tuples or dicts; they are moved to the device of the model. With
            a checkpoint folder, a function ``batches(number)`` that can start at any batch, such as
            ``functools.partial(lm.batches, tokens, batch_size, context_length, seed)``.
        config: how to train, and for how long.
        evaluate: called before the first step, every ``evaluate_every`` steps and after the last one, in evaluation
            mode and without gradients. It returns a dict of numbers and strings, which goes into the history; random
            numbers that it draws do not affect training.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for dicts: a scalar, the mean over the items of the
            batch; None: ``model.loss(…)``.
        gradients: instead of ``loss``: ``gradients(model, *batch)`` fills ``parameter.grad``, initially None, of all
            parameters to update, and returns the loss for the history, a scalar.
        optimizers: ``optimizers(model)`` returns the optimisers, with their peak learning rates, instead of those that
            ``config`` describes.
        count: ``count(*batch)``, the number of items that the loss of a batch is a mean over. Several batches per
            update, or several processes, are weighted by it, which gives the gradient of one large batch. None: the
            targets that are not -100, or the rows, see :func:`.batch.n_targets`.
        checkpoint: folder of this run. If it already holds a checkpoint, training resumes from there; with more
            steps or seconds than before the run becomes longer, see :mod:`.length`.

    Returns:
        the history, one row per evaluation: ``step`` (updates done), ``seconds`` (training time, excluding evaluation
        and saving), ``training_loss`` (mean since the previous row) and what ``evaluate`` returned.

    Raises:
        ValueError: if the arguments are incompatible, or the batches run out.
        FloatingPointError: if the loss or the gradient is not finite.
        Interrupted: after Ctrl-C, SIGTERM or SIGHUP, once the current step is done and saved, if there is a folder.
        CheckpointError: if the folder cannot be used.
    """
    progress, team = Progress(), Team(next(model.parameters()).device)
    with _run_folder(checkpoint, team) as folder, deferred_interrupts() as interrupted:
        stepper = Stepper(
            model, config, team, loss=loss, gradients=gradients, optimizers=optimizers, count=count
        )
        if folder is not None:
            folder.resume(model, stepper.optimizers, config, progress)
        source = _beginning(batches, progress.step * config.accumulate, folder)
        with _advice(config, folder):
            finished = _loop(stepper, source, progress, evaluate, folder, interrupted)
    if not finished:
        saved = "nothing is saved, since no folder was named" if folder is None else f"saved in {folder.path}"
        raise Interrupted(f"Stopped after step {progress.step}: {saved}.")
    return History(progress.rows)


def _loop(
    stepper: Stepper,
    source: Iterator[Batch],
    progress: Progress,
    evaluate: Callable[[], dict[str, Any]] | None,
    folder: RunFolder | None,
    interrupted: Event,
) -> bool:
    """Run steps, evaluations and checkpoints; returns False if interrupted."""
    model, config, team = stepper.model, stepper.config, stepper.team
    clock, stop = progress.seconds, 0.0
    with Bar(progress, config.steps, config.seconds, visible=team.main) as bar:
        while True:
            # Clocks and Ctrl-C differ between processes, so they synchronise now and then to act alike.
            if team.size == 1 or progress.step % 10 == 0:
                clock, stop = team.all_max(progress.seconds, float(interrupted.is_set()))
            over = _is_over(progress, config, clock)
            if (over or progress.step % config.evaluate_every == 0) and not (stop or progress.has_row()):
                progress.read()
                progress.add_row(team.all_mean(progress.mean_loss()), _results(stepper, evaluate))
                over = _is_over(progress, config, clock)  # the row may have used up the patience
            if folder is not None and (over or stop or progress.step % config.save_every == 0):
                folder.save(model, stepper.optimizers, config, progress)
            if over or stop:
                return not stop
            began = time.perf_counter()
            measured = stepper.step(source, schedule(progress.step, config, clock))
            progress.add(measured, time.perf_counter() - began)
            bar.show(stepper.items, stepper.kind)


def _is_over(progress: Progress, config: TrainingConfig, clock: float) -> bool:
    """Whether the steps, the seconds or the patience have run out."""
    return (
        progress.step >= (config.steps or math.inf)
        or clock >= (config.seconds or math.inf)
        or (config.patience is not None and progress.rows_since_best(config.watch) >= config.patience)
    )


def _results(stepper: Stepper, evaluate: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """The result of ``evaluate`` in the first process."""
    if evaluate is None:
        return {}
    with evaluating(stepper.model), torch.no_grad(), same_randomness(stepper.team.device):
        results: dict[str, Any] = stepper.team.gather(stepper.run(evaluate))[0]
    return results


def _beginning(
    batches: Iterable[Batch] | Callable[[int], Iterable[Batch]], number: int, folder: RunFolder | None
) -> Iterator[Batch]:
    """The batches, starting at a given one."""
    if callable(batches):
        return iter(batches(number))
    if folder is not None:
        raise ValueError(
            "With a checkpoint folder, training must be able to start at any batch: pass a function of the number of "
            "the first batch, such as functools.partial(lm.batches, tokens, batch_size, context_length, seed)."
        )
    return iter(batches)


def _run_folder(path: str | Path | None, team: Team) -> AbstractContextManager[RunFolder | None]:
    """The locked folder of the run, if a path is given."""
    if path is None:
        return nullcontext()
    from .checkpoints import RunFolder

    return RunFolder(path, team)


@contextmanager
def _advice(config: TrainingConfig, folder: RunFolder | None) -> Iterator[None]:
    """Add advice to the error about a loss or gradient that is not finite."""
    try:
        yield
    except FloatingPointError as error:
        rates = f"{config.learning_rate:g}"
        if config.optimizer == "muon":
            rates += f"; of the matrices, {config.matrix_learning_rate:g}"
        where = "" if folder is None else f", into another folder: {folder.path} keeps the one it began with"
        raise FloatingPointError(
            f"{error} Train again with a lower learning rate ({rates}){where}."
        ) from None
