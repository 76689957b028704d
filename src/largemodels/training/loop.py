"""The training loop, one for every model of the book.

A step draws a batch, computes the loss and its gradient, and moves the weights against it. Around that stands what
makes it work: a learning rate that rises linearly and falls along a cosine, and clipping of the gradient's norm (the
recipe of GPT-3: Brown et al., 2020, appendix B, https://arxiv.org/abs/2005.14165); evaluation on a schedule; and
checkpoints, from which an interrupted run resumes as if nothing had happened.

The loop knows nothing about language: model, batches and loss may be of any kind. All it asks for is a loss, or a
function that fills the gradients.
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
    """The accelerator if there is one, under ``torchrun`` that of this process; otherwise the CPU.

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
        step: the first is 0.
        config: with a budget of seconds the cosine follows the time, or the steps if these are further on.
        seconds: of training so far.
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

    Most methods are a loss. Those that are not (adversarial training, meta-learning, private or federated training)
    give ``gradients``, which may compute them in any way, such as by ``torch.func`` or in an inner loop on a copy of
    the model; clipping, optimisers, schedule, history and checkpoints remain those of the loop. Two players that train
    against each other are one module that holds both. If they take turns, each batch says whose turn it is: what a
    function remembers between calls is not in the checkpoint.

    Args:
        model: any module. Modules that are in evaluation mode inside a model in training mode stay so; in a model that
            is in evaluation mode as a whole, parts without parameters to train do.
        batches: tensors ``(batch, …)``, alone or in tuples or dicts; they are moved to the device of the model. With
            a checkpoint folder, a function that begins at any batch, ``batches(number)``, such as
            ``functools.partial(lm.batches, tokens, batch_size, context_length, seed)``.
        config: how, and how long.
        evaluate: called before the first step, every ``evaluate_every`` steps and after the last one, in evaluation
            mode and without gradients. What it returns, numbers and texts, goes into the history; the random numbers
            that it draws do not change the training.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for dicts, a mean over the items of the batch,
            scalar; None: ``model.loss(…)``.
        gradients: in place of ``loss``: ``gradients(model, *batch)`` fills ``parameter.grad``, which is None before,
            of all parameters that are to move, and returns the loss for the history, a scalar.
        optimizers: ``optimizers(model)`` returns the optimisers, with their peak learning rates, in place of those
            that ``config`` describes.
        count: ``count(*batch)``, the number of items that the loss of a batch is a mean over. Several batches per
            update, or several processes, are weighted by it and so give the gradient of one large batch. None: the
            targets that are not -100, or the rows, see :func:`.batch.n_targets`.
        checkpoint: folder of this run. If it holds a checkpoint already, training resumes from there.

    Returns:
        the history, one row per evaluation: ``step`` (updates done), ``seconds`` (of training, without evaluations and
        saving), ``training_loss`` (mean since the row before) and what ``evaluate`` returned.

    Raises:
        ValueError: if what is given does not go together.
        FloatingPointError: if the loss or the gradient is not finite.
        Interrupted: after Ctrl-C, when the step is done and saved.
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
    """Step after step, with evaluations and checkpoints between them; returns whether it was not interrupted."""
    model, config, team = stepper.model, stepper.config, stepper.team
    clock, stop = progress.seconds, 0.0
    with Bar(progress, config.steps, config.seconds, visible=team.main) as bar:
        while True:
            # Clocks and Ctrl-C differ between processes: several compare now and then, so that all act alike.
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
    """Whether steps, seconds or patience are used up."""
    return (
        progress.step >= (config.steps or math.inf)
        or clock >= (config.seconds or math.inf)
        or (config.patience is not None and progress.rows_since_best(config.watch) >= config.patience)
    )


def _results(stepper: Stepper, evaluate: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """What ``evaluate`` returned in the first process."""
    if evaluate is None:
        return {}
    with evaluating(stepper.model), torch.no_grad(), same_randomness(stepper.team.device):
        results: dict[str, Any] = stepper.team.gather(stepper.run(evaluate))[0]
    return results


def _beginning(
    batches: Iterable[Batch] | Callable[[int], Iterable[Batch]], number: int, folder: RunFolder | None
) -> Iterator[Batch]:
    """The batches from a number on."""
    if callable(batches):
        return iter(batches(number))
    if folder is not None:
        raise ValueError(
            "With a checkpoint folder, training must be able to begin at any batch: give batches as a function of the "
            "number of the first, such as functools.partial(lm.batches, tokens, batch_size, context_length, seed)."
        )
    return iter(batches)


def _run_folder(path: str | Path | None, team: Team) -> AbstractContextManager[RunFolder | None]:
    """The locked folder of the run, if one is wanted."""
    if path is None:
        return nullcontext()
    from .checkpoints import RunFolder

    return RunFolder(path, team)


@contextmanager
def _advice(config: TrainingConfig, folder: RunFolder | None) -> Iterator[None]:
    """Add to a loss that is not finite what can be done about it."""
    try:
        yield
    except FloatingPointError as error:
        kept = (
            ""
            if folder is None
            else f" The checkpoint of step {folder.saved} in {folder.path} is from before."
        )
        raise FloatingPointError(
            f"{error} Lower the learning rate ({config.learning_rate:g}).{kept}"
        ) from None
