"""``make bench``: training throughput of our GPT beside transformers' GPT-2, interleaved in one run.

Absolute figures drift with the machine from hour to hour; the ratio of two that were measured in turn does not.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import torch
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel

import largemodels as lm

ROUNDS, STEPS = 7, 10
SIZES = {"vocab_size": 84, "context_length": 64, "n_layer": 4, "n_head": 4, "d_model": 128}
BATCH = 12


def training_step(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """A training step with fused AdamW, the same for every rival."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def rivals() -> dict[str, Callable[[], None]]:
    """A training step of each rival on the same batch, at the same architecture."""
    config = lm.GPTConfig(**SIZES)
    tokens, targets = torch.randint(config.vocab_size, (2, BATCH, config.context_length))
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context_length,
            n_layer=config.n_layer,
            n_head=config.n_head,
            n_embd=config.d_model,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).train()
    ours = lm.interop.gpt_from_transformers(theirs).train()
    return {
        "largemodels GPT": training_step(ours, lambda: ours.loss(tokens, targets)),
        "transformers GPT-2": training_step(theirs, lambda: theirs(tokens, labels=tokens).loss),
    }


def main() -> None:
    """Measure in turn and print medians, spreads and the ratio."""
    steps = rivals()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()  # warm-up
    for _ in tqdm(range(ROUNDS), desc="rounds"):
        for name, step in steps.items():
            began = time.perf_counter()
            for _ in range(STEPS):
                step()
            seconds[name].append((time.perf_counter() - began) / STEPS)
    per_step = BATCH * SIZES["context_length"]
    print(f"training, {SIZES}, batch {BATCH}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    for name, times in seconds.items():
        speeds = sorted(per_step / s for s in times)
        print(f"{name:20} {statistics.median(speeds):8,.0f} tokens/s ({speeds[0]:,.0f} to {speeds[-1]:,.0f})")
    ours, theirs = seconds.values()
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), pair by pair")


if __name__ == "__main__":
    main()
