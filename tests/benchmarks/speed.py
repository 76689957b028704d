"""Speed of the machine, of training and of decoding, beside what transformers and the published recipe do."""

from __future__ import annotations

import multiprocessing
import re
import statistics
from collections.abc import Callable
from pathlib import Path

import torch

import largemodels as lm
from largemodels.models.int8 import Int8GPT
from largemodels.models.presets import preset

from .measure import in_turn, report
from .rivals import PlainGPT, training_step, transformers_gpt2

SMALL = lm.GPTConfig(vocab_size=84, context_length=1024, n_layer=4, n_head=4, d_model=128)
GPT2 = preset("gpt2")


def machine() -> None:
    """What no program can beat: matrix products and copying."""
    print("\nmachine")
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(2, 2048, 2048).to(dtype)
        seconds = in_turn({"gemm": lambda a=a, b=b: a @ b}, rounds=7)["gemm"]
        print(
            f"  matrix product of 2048², {dtype}: {2 * 2048**3 / statistics.median(seconds) / 1e9:,.0f} GFLOP/s"
        )
    source = torch.randn(50_000_000)
    target = torch.empty_like(source)
    seconds = in_turn({"copy": lambda: target.copy_(source)}, rounds=7)["copy"]
    print(f"  copying 200 MB: {0.4 / statistics.median(seconds):.0f} GB/s read and written")


def training() -> None:
    """Steps of training at equal architecture, tokens a second."""
    for name, config, batch, time, rounds, repeats in (
        ("small, 4 × 128", SMALL, 12, 64, 9, 8),
        ("124M", GPT2, 1, 256, 5, 1),
    ):
        tokens, targets = torch.randint(config.vocab_size, (2, batch, time))
        ours, plain, theirs = lm.GPT(config), PlainGPT(config, bias=True), transformers_gpt2(config).train()
        autocast = lm.GPT(config)

        def in_bf16(
            model: lm.GPT = autocast, x: torch.Tensor = tokens, y: torch.Tensor = targets
        ) -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return model.loss(x, y)

        seconds = in_turn(
            {
                "largemodels": training_step(ours, lambda m=ours, x=tokens, y=targets: m.loss(x, y)),
                "written plainly": training_step(plain, lambda m=plain, x=tokens, y=targets: m.loss(x, y)),
                "transformers": training_step(theirs, lambda m=theirs, x=tokens: m(x, labels=x).loss),
                "largemodels, bf16 autocast": training_step(autocast, in_bf16),
            },
            rounds,
            repeats,
        )
        report(f"training, {name}", seconds, batch * time, "tokens/s", "largemodels", "written plainly")
        used = 6 * sum(p.numel() for p in ours.blocks.parameters()) + 6 * config.vocab_size * config.d_model
        speed = used * batch * time / statistics.median(seconds["largemodels"]) / 1e9
        print(f"  largemodels: {speed:,.0f} GFLOP/s in its matrix products")


def _greedy(model: lm.GPT, prompt: torch.Tensor, n_new: int) -> torch.Tensor:
    return lm.generate(model, prompt, n_new, temperature=0)


def _generate(model: torch.nn.Module, prompt: torch.Tensor, n_new: int) -> torch.Tensor:
    return model.generate(prompt, max_new_tokens=n_new, min_new_tokens=n_new, do_sample=False, pad_token_id=0)


def decoding() -> None:
    """Greedy decoding of one sequence with a cache, tokens a second, in fp32 and bf16."""
    for name, theirs, ours, n_new in _pairs():
        for prompt_length in (8, 512):
            prompt = torch.randint(ours.config.vocab_size, (1, prompt_length))
            runs: dict[str, Callable[[], object]] = {
                "largemodels": lambda m=ours, p=prompt, n=n_new: _greedy(m, p, n),
                "transformers": lambda m=theirs, p=prompt, n=n_new: _generate(m, p, n),
            }
            same = torch.equal(_greedy(ours, prompt, n_new), _generate(theirs, prompt, n_new))
            half = lm.GPT(ours.config).bfloat16().eval()
            half.load_state_dict(ours.state_dict())
            runs["largemodels, bf16"] = lambda m=half, p=prompt, n=n_new: _greedy(m, p, n)
            eight = Int8GPT(ours)
            runs["largemodels, int8"] = lambda m=eight, p=prompt, n=n_new: _greedy(m, p, n)
            if prompt_length == 8 and name == "small":
                plain = PlainGPT(SMALL, bias=True).eval()
                runs["written plainly, no cache"] = lambda m=plain, p=prompt, n=n_new: m.generate(p, n)
            if prompt_length == 512:
                runs["largemodels, 1 new"] = lambda m=ours, p=prompt: _greedy(m, p, 1)
                runs["transformers, 1 new"] = lambda m=theirs, p=prompt: _generate(m, p, 1)
            seconds = in_turn(runs, rounds=3)
            alone = {name: seconds.pop(f"{name}, 1 new", None) for name in ("largemodels", "transformers")}
            title = f"decoding, {name}, prompt of {prompt_length}, {n_new} new"
            report(title, seconds, n_new, "tokens/s", "largemodels", "transformers")
            print(f"  same greedy tokens in fp32: {same}")
            if prompt_length == 512:
                _report_reading(seconds, alone, n_new - 1)
            with torch.no_grad():
                exact = ours(prompt).log_softmax(-1)
                for kind, model in (("bf16", half), ("int8", eight)):
                    ratios = [
                        b / a
                        for a, b in zip(seconds[f"largemodels, {kind}"], seconds["transformers"], strict=True)
                    ]
                    drift = (model(prompt).float().log_softmax(-1) - exact).abs()
                    print(
                        f"  {kind} : transformers in fp32 = {statistics.median(ratios):.2f}; log-probabilities move by "
                        f"{drift.mean():.3f} in the mean, {drift.max():.2f} at most"
                    )


def _report_reading(seconds: dict[str, list[float]], alone: dict[str, list[float]], n_more: int) -> None:
    """How long the prompt takes alone, and what the tokens after the first cost without it."""
    per_token = {
        name: [(whole - one) / n_more for whole, one in zip(seconds[name], times, strict=True)]
        for name, times in alone.items()
    }
    for name, times in alone.items():
        print(
            f"  {name}: prompt and first token {statistics.median(times):.2f} s, then "
            f"{1000 * statistics.median(per_token[name]):.1f} ms a token"
        )
    ratios = [b / a for a, b in zip(per_token["largemodels"], per_token["transformers"], strict=True)]
    print(f"  largemodels : transformers after the prompt = {statistics.median(ratios):.2f}")


def _pairs() -> list[tuple[str, torch.nn.Module, lm.GPT, int]]:
    """Models of transformers and ours with the same weights."""
    pairs = []
    for name, config, n_new in (("small", SMALL, 256), ("124M", GPT2, 32)):
        theirs = transformers_gpt2(config).eval()
        pairs.append((name, theirs, lm.gpt_from_transformers(theirs).eval(), n_new))
    from transformers import AutoModelForCausalLM

    from largemodels.pretrained.smollm2 import smollm2

    theirs = AutoModelForCausalLM.from_pretrained(smollm2(), dtype=torch.float32).eval()
    return [*pairs, ("SmolLM2-135M", theirs, lm.gpt_from_transformers(theirs).eval(), 32)]


def context() -> None:
    """Seconds for 16 tokens more, after ever longer prompts: what the cache leaves to grow."""
    model = lm.GPT(GPT2).eval()
    print("\n124M, 16 new tokens after a prompt that is already read, milliseconds a token")
    for length in (8, 128, 512, 992):
        prompt = torch.randint(GPT2.vocab_size, (1, length))
        once = lambda n, p=prompt: lambda: _greedy(model, p, n)  # noqa: E731
        seconds = in_turn({"one": once(1), "many": once(17)}, rounds=3)
        each = [(many - one) / 16 for one, many in zip(seconds["one"], seconds["many"], strict=True)]
        print(f"  {length:4} tokens: {1000 * statistics.median(each):.1f}")


def _most_memory() -> int:
    """Most memory that this process has held, in kB; ``getrusage`` counts its parent's before the fork, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])


def _peak(which: str, queue: multiprocessing.Queue) -> None:
    tokens = torch.randint(GPT2.vocab_size, (1, 256))
    model = lm.GPT(GPT2) if which.startswith("largemodels") else transformers_gpt2(GPT2)
    before = _most_memory()
    if which.endswith("training"):
        loss = (
            (lambda: model.loss(tokens, tokens))
            if "large" in which
            else (lambda: model(tokens, labels=tokens).loss)
        )
        step = training_step(model.train(), loss)
        step(), step()
    elif "large" in which:
        _greedy(model.eval(), tokens, 16)
    else:
        _generate(model.eval(), tokens, 16)
    queue.put((before, _most_memory()))


def memory() -> None:
    """Peak memory of 124M in a process of its own."""
    print("\n124M, peak memory of a process: with the model loaded, and in the end")
    spawn = multiprocessing.get_context("spawn")
    for task in ("training", "decoding"):
        for whose in ("largemodels", "transformers"):
            queue = spawn.Queue()
            process = spawn.Process(target=_peak, args=(f"{whose} {task}", queue))
            process.start()
            before, after = queue.get()
            process.join()
            print(f"  {whose}, {task}: {before / 2**20:.2f} GB, {after / 2**20:.2f} GB")
