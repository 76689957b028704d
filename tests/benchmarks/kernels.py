"""Where the time of a step goes: the limit that stops a goal, kernel by kernel, by torch's profiler."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

import largemodels as lm
from largemodels.models.presets import preset
from largemodels.training.optimizers import make_optimizers

from .recipes import BATCH_SIZE, SIZES
from .rivals import PlainGPT, training_step
from .speed import SMALL

# The first kind that has a part of an operation's name. RMSNorm and rotary positions are products of elements.
KINDS = {
    "matrix products of Muon": ("bmm",),
    "other matrix products": ("aten::mm", "aten::addmm", "aten::linear"),
    "attention": ("scaled_dot_product",),
    "optimiser and clipping": ("adamw", "optimizer", "lerp", "linalg_vector_norm", "aten::mul_"),
    "activation, norms, positions": (
        "gelu",
        "relu",
        "threshold",
        "norm",
        "rsqrt",
        "pow",
        "aten::mul",
        "mean",
    ),
    "copies and memory": ("copy", "cat", "stack", "empty", "zero", "fill", "aten::to"),
}


def kernels() -> None:
    """A training step of ours, of the plain rival and of our recipe, and one decoded token, each 4 × 128."""
    tokens, targets = torch.randint(SMALL.vocab_size, (2, BATCH_SIZE, SIZES["context_length"]))
    same, plain = lm.GPT(SMALL), PlainGPT(SMALL, bias=True)
    modern = lm.GPT(preset("modern", vocab_size=SMALL.vocab_size, **SIZES))
    _shares("training, largemodels", training_step(same, lambda: same.loss(tokens, targets)))
    _shares("training, written plainly", training_step(plain, lambda: plain.loss(tokens, targets)))
    _shares("training, our recipe", _muon_step(modern, lambda: modern.loss(tokens, targets)))
    prompt = torch.randint(SMALL.vocab_size, (1, 8))
    decode = lm.GPT(SMALL).eval()
    _shares("128 tokens decoded", lambda: lm.generate(decode, prompt, 128, temperature=0), repeats=5)


def _muon_step(model: lm.GPT, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """A training step of our recipe."""
    config = lm.TrainingConfig(steps=1, optimizer="muon", weight_decay=0.0)
    optimizers = make_optimizers(model, config)

    def step() -> None:
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    return step


def _shares(title: str, step: Callable[[], object], repeats: int = 20) -> None:
    """Print milliseconds of a step without the profiler, and with it by kind of operation."""
    for _ in range(3):
        step()
    began = time.perf_counter()
    for _ in range(repeats):
        step()
    alone = 1000 * (time.perf_counter() - began) / repeats
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(repeats):
            step()
    shares: Counter[str] = Counter()
    for event in seen.key_averages():
        shares[_kind(event.key)] += event.self_cpu_time_total / 1000 / repeats
    print(f"\n{title}: {alone:.1f} ms; with the profiler {shares.total():.1f} ms, of which")
    for kind, milliseconds in shares.most_common():
        print(f"  {kind:32} {milliseconds:6.1f} ms {milliseconds / shares.total():5.0%}")


def _kind(operation: str) -> str:
    """What an operation counts as."""
    for kind, names in KINDS.items():
        if any(name in operation.lower() for name in names):
            return kind
    return "other, calls from Python included"
