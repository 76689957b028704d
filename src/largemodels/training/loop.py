"""The training loop, one for every model of the book.

A step draws a batch, computes the loss and its gradient, and moves the weights against it. Around that stands what
makes it work: a learning rate that rises linearly and falls along a cosine, and clipping of the gradient's norm (the
recipe of GPT-3: Brown et al., 2020, appendix B, https://arxiv.org/abs/2005.14165); evaluation on a schedule; and
checkpoints, from which an interrupted training goes on as if nothing had happened.

The loop knows nothing about language: model, batches and loss may be of any kind.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .bar import Bar
from .config import TrainingConfig
from .history import History, Progress
from .interrupts import Interrupted, deferred_interrupts
from .optimizers import make_optimizers
from .parallel import Batch, Objective, Team
from .randomness import same_randomness

if TYPE_CHECKING:
    from .checkpoints import RunFolder


def device() -> torch.device:
    """The accelerator that there is, under ``torchrun`` the one of this process; otherwise the CPU."""
    if torch.accelerator.is_available() and (found := torch.accelerator.current_accelerator()):
        return (
            torch.device(found.type, int(os.environ["LOCAL_RANK"])) if "LOCAL_RANK" in os.environ else found
        )
    return torch.device("cpu")


def schedule(step: int, config: TrainingConfig, seconds: float = 0.0) -> float:
    """Share of the highest learning rate: a linear warm-up, then half a cosine down to ``final_fraction``.

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
    checkpoint: str | Path | None = None,
) -> History:
    """Train a model in place; by several processes if ``torchrun`` started them, see :mod:`.parallel`.

    Args:
        model: any module.
        batches: tensors ``(batch, …)``, alone or in tuples or dicts; they are moved to the device of the model. With
            a checkpoint folder, a function that begins at any batch, ``batches(number)``, such as
            ``functools.partial(lm.batches, tokens, batch_size, context_length, seed)``.
        config: how, and how long.
        evaluate: called before the first step, every ``evaluate_every`` steps and after the last one, in evaluation
            mode and without gradients. What it returns, numbers and texts, goes into the history; the random numbers
            that it draws do not change the training.
        loss: ``loss(model, *batch)``, or ``loss(model, **batch)`` for dicts, a scalar; None: ``model.loss(…)``.
        checkpoint: folder of this run. If it holds a checkpoint already, training goes on from there.

    Returns:
        the history, one row an evaluation: ``step`` (updates done), ``seconds`` (of training, without evaluations and
        saving), ``training_loss`` (mean since the row before) and what ``evaluate`` returned.

    Raises:
        FloatingPointError: if the loss or the gradient is not finite.
        Interrupted: after Ctrl-C, when the step is done and saved.
        CheckpointError: if the folder cannot be used.
    """
    progress, team = Progress(), Team(next(model.parameters()).device)
    with _run_folder(checkpoint, team) as folder, deferred_interrupts() as interrupted:
        stepper = _Stepper(model, config, loss, team)
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
    stepper: _Stepper,
    source: Iterator[Batch],
    progress: Progress,
    evaluate: Callable[[], dict[str, Any]] | None,
    folder: RunFolder | None,
    interrupted: Event,
) -> bool:
    """Step after step, with what is due between them; whether it came to its end."""
    model, config, team = stepper.model, stepper.config, stepper.team
    clock, stop = progress.seconds, 0.0
    with Bar(progress, config.steps, config.seconds, visible=team.main) as bar:
        while True:
            # Clocks and Ctrl-C differ between processes: several compare now and then, so that all act alike.
            if team.size == 1 or progress.step % 10 == 0:
                clock, stop = team.agree(progress.seconds, float(interrupted.is_set()))
            over = _is_over(progress, config, clock)
            if (over or progress.step % config.evaluate_every == 0) and not (stop or progress.has_row()):
                progress.read()
                progress.add_row(team.mean(progress.mean_loss()), _results(stepper, evaluate))
                over = _is_over(progress, config, clock)  # the row may have used up the patience
            if folder is not None and (over or stop or progress.step % config.save_every == 0):
                folder.save(model, stepper.optimizers, config, progress)
            if over or stop:
                return not stop
            began = time.perf_counter()
            measured = stepper.step(source, schedule(progress.step, config, clock))
            progress.add(measured, time.perf_counter() - began)
            bar.show(stepper.items, stepper.kind)


class _Stepper:
    """What one step needs: the objective, the optimisers, and a count of what the model has learnt from."""

    def __init__(
        self, model: nn.Module, config: TrainingConfig, loss: Callable[..., Tensor] | None, team: Team
    ) -> None:
        self.model, self.config, self.team = model.train(), config, team
        self.whole = Objective(model, loss, config.precision)
        self.joined, self.optimizers = team.join(self.whole, make_optimizers(model, config))
        self.objective = torch.compile(self.joined) if config.compile else self.joined
        self.items, self.kind = 0, "tokens"
        model.zero_grad()  # whatever was computed before

    def step(self, source: Iterator[Batch], share: float) -> Tensor:
        """Draw, compute the gradient, clip it, move the weights.

        Args:
            source: of batches.
            share: of the highest learning rate.

        Returns:
            loss and norm of the gradient before clipping, ``(2,)``, not waited for.
        """
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = share * group["initial_lr"]
        mean = torch.zeros((), device=self.team.place)
        for remaining in reversed(range(self.config.accumulate)):
            batch = self._draw(source)
            with self.team.alone(self.joined) if remaining else nullcontext():
                loss = self.objective(batch) / self.config.accumulate
                loss.backward()
            mean += loss.detach()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return torch.stack([mean, self.team.whole(norm)])

    def _draw(self, source: Iterator[Batch]) -> Batch:
        """This process's share of the next batch, on the device. Integers count as tokens, others as examples."""
        batch = next(source, None)
        if batch is None:
            raise ValueError(
                "The batches ended before the training: make them endless, or train for fewer steps."
            )
        if isinstance(batch, Tensor):
            batch = (batch,)
        first = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
        if first.is_floating_point():
            self.items, self.kind = self.items + len(first), "examples"
        else:
            self.items += first.numel()
        return self.team.share(batch)


def _is_over(progress: Progress, config: TrainingConfig, clock: float) -> bool:
    """Whether steps, seconds or patience are used up."""
    return (
        progress.step >= (config.steps or math.inf)
        or clock >= (config.seconds or math.inf)
        or (config.patience is not None and progress.rows_since_best(config.watch) >= config.patience)
    )


def _results(stepper: _Stepper, evaluate: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """What ``evaluate`` returns in the first process; it holds for all."""
    if evaluate is None:
        return {}
    stepper.model.eval()
    with torch.no_grad(), same_randomness(stepper.team.place):
        results: dict[str, Any] = stepper.team.collect(stepper.whole.run(evaluate))[0]
    stepper.model.train()
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
