"""Readers who use the app at once, for a while: waits, speed, errors, and whose text each of them got.

    python -m tests.benchmarks.app_load [--readers 10] [--seconds 60] [--model runs/shakespeare]

The app runs in this process, as ``largemodels app`` runs it; each reader is a client of its own, asks with its own
prompt and seed, waits for the text, and asks again. Each text is compared with what the library writes for that prompt
and seed alone.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from gradio_client import Client

from largemodels.app.cli import _open
from largemodels.app.pages import AppConfig, Writer, serving
from largemodels.models.gpt import GPT
from largemodels.text.tokenizers import Tokenizer
from largemodels.text.writing import complete


@dataclass
class Load:
    """What the readers saw."""

    texts: dict[tuple[str, int], str] = field(default_factory=dict)  # by prompt and seed
    first: list[float] = field(default_factory=list)  # seconds from the wish to the first token
    whole: list[float] = field(default_factory=list)  # and to the last one
    errors: list[str] = field(default_factory=list)
    most: int = 0  # texts that were written at once
    seconds: float = 0.0  # until the last reader had finished


def load(writer: Writer, readers: int, seconds: float, n_new: int) -> Load:
    """Let readers use the app until the seconds are over; each finishes the text that was begun."""
    seen = Load()
    (name,) = writer.models

    def read(address: str, number: int, end: float) -> None:
        try:
            client = Client(address, verbose=False, analytics_enabled=False)
        except Exception as error:  # who cannot even connect counts, too
            seen.errors.append(f"reader {number} could not connect: {type(error).__name__}: {error}")
            return
        turn = 0
        while time.monotonic() < end:
            prompt, seed = f"Reader {number} wrote", 1000 * number + turn
            asked, first, text = time.monotonic(), 0.0, ""
            try:
                wish = (prompt, name, "temperature", 0.8, 50, 0.95, n_new, seed)
                for text, _ in client.submit(*wish, api_name="/write"):
                    if not first and len(text) > len(prompt):
                        first = time.monotonic()
            except Exception as error:  # whatever a reader may be told
                seen.errors.append(f"{type(error).__name__}: {error}")
                continue
            seen.texts[prompt, seed] = text
            seen.first.append(first - asked)
            seen.whole.append(time.monotonic() - asked)
            turn += 1

    with serving(writer) as address:
        began = time.monotonic()
        crowd = [
            threading.Thread(target=read, args=(address, number, began + seconds))
            for number in range(readers)
        ]
        for reader in crowd:
            reader.start()
        while any(reader.is_alive() for reader in crowd):
            seen.most = max(seen.most, writer.running)
            time.sleep(0.005)
        seen.seconds = time.monotonic() - began
    return seen


def strangers(seen: Load, model: GPT, tokenizer: Tokenizer, n_new: int) -> int:
    """How many texts are not what the library writes for their prompt and seed."""
    wrong = 0
    for (prompt, seed), text in seen.texts.items():
        generator = torch.Generator().manual_seed(seed)
        (own,) = complete(model, tokenizer, [prompt], n_new, generator=generator, temperature=0.8)
        wrong += text != prompt + own
    return wrong


def main() -> None:
    """Put the load on the app and print what came of it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--readers", type=int, default=10)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--tokens", type=int, default=100)
    options.add_argument("--at-once", type=int, default=2)
    options.add_argument("--model", default="runs/shakespeare")
    chosen = options.parse_args()
    model, tokenizer = _open(chosen.model)
    writer = Writer({chosen.model: (model, tokenizer)}, AppConfig(at_once=chosen.at_once))
    seen = load(writer, chosen.readers, chosen.seconds, chosen.tokens)
    served = len({prompt for prompt, _ in seen.texts})
    print(
        f"{served} of {chosen.readers} readers served, {seen.seconds:.0f} s: "
        f"{len(seen.texts)} texts of {chosen.tokens} tokens, "
        f"{len(seen.errors)} errors, {strangers(seen, model, tokenizer, chosen.tokens)} texts of somebody else, "
        f"at most {seen.most} at once"
    )
    for name, times in [("first token", seen.first), ("whole text", seen.whole)]:
        middle, late = np.quantile(times, [0.5, 0.95])
        print(f"{name:12} {middle:.2f} s in the middle, {late:.2f} s for the slowest twentieth")
    print(f"{len(seen.texts) * chosen.tokens / seen.seconds:.0f} tokens/s together")
    for line in sorted(set(seen.errors)):
        print(line)


if __name__ == "__main__":
    main()
