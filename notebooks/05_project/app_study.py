"""Study of the chapter "An app that people can try": when each of ten readers is served.

    make study NAME=05_project/app

About two minutes of one core, Linux only. The process keeps to one core and reads the time that it
has spent on it, so what else the machine does is not counted. Texts that a clock ticks out take no
time of the core; for them the clock is the one on the wall.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import torch

import largemodels as lm
from largemodels.app import pages as app
from largemodels.book.studies import Study
from largemodels.text.generation import steps
from largemodels.text.sampling import Sampling

READERS, TOKENS, SECONDS, PLACES, REPETITIONS = 10, 20, 0.6, (1, 2, 4), 5


class Timed(app.Writer):
    """Notes when each text begins, has its first token, and ends."""

    def __init__(
        self, models: dict, config: app.AppConfig, clock: Callable[[], float]
    ) -> None:
        super().__init__(models, config)
        self.clock, self.seen = clock, {}

    def write(self, prompt: str, *wishes: object) -> Iterator[tuple[str, str]]:
        """Yields as the writer of the library does."""
        begun, first = self.clock(), 0.0
        for text, state in self.pieces(prompt, *wishes):
            first = first or (self.clock() if len(text) > len(prompt) else 0.0)
            yield text, state
        self.seen[prompt] = (begun, first, self.clock())

    def pieces(self, prompt: str, *wishes: object) -> Iterator[tuple[str, str]]:
        """What is written."""
        return super().write(prompt, *wishes)


class Clockwork(Timed):
    """A text takes ``SECONDS``, however many are written."""

    def pieces(self, prompt: str, *wishes: object) -> Iterator[tuple[str, str]]:
        """Four ticks."""
        for n in range(4):
            time.sleep(SECONDS / 4)
            yield prompt + " tick" * (n + 1), f"{n + 1} tokens …"


@functools.cache
def smollm2() -> tuple[lm.GPT, lm.Tokenizer]:
    """Loaded once."""
    return lm.load_smollm2()


def ask(http: httpx.Client, prompt: str, seed: int, tokens: int = TOKENS) -> None:
    """Ask for a text as the page does, and wait for its end."""
    wish = [prompt, "model", "temperature", 0.8, 50, 0.95, tokens, seed]
    session = {"session_hash": prompt}
    http.post("queue/join", json={"fn_index": 0, "data": wish} | session)
    with http.stream("GET", "queue/data", params=session) as answer:
        assert any("process_completed" in line for line in answer.iter_lines())


def queue(writer: str, places: int, repetition: int) -> dict:
    """Ten readers ask, each a moment after the one before; lists are in the order of asking."""
    kind, clock = {
        "clockwork": (Clockwork, time.perf_counter),
        "smollm2": (Timed, time.process_time),
    }[writer]
    served = kind({"model": smollm2()}, app.AppConfig(at_once=places), clock)
    prompts = [f"Reader {n} wrote a letter to" for n in range(READERS)]
    with (
        app.serving(served) as address,
        httpx.Client(base_url=address + "gradio_api/", timeout=300) as http,
        ThreadPoolExecutor(READERS) as pool,
    ):
        ask(http, "warm-up", 0, tokens=1)
        began, jobs = clock(), []
        for n, prompt in enumerate(prompts):
            jobs.append(pool.submit(ask, http, prompt, n))
            time.sleep(0.03)
        for job in jobs:
            job.result()
    moments = [[at - began for at in served.seen[prompt]] for prompt in prompts]
    names = ("seconds_begun", "seconds_first", "seconds_ended")
    return dict(zip(names, map(list, zip(*moments, strict=True)), strict=True))


@torch.no_grad()
def batch(size: int, repetition: int) -> dict:
    """Texts in one batch, without the page: seconds to the first tokens, and to the last."""
    model, tokenizer = smollm2()
    prompts = [tokenizer.encode(f"Reader {n} wrote a letter to") for n in range(size)]
    generator = torch.Generator().manual_seed(repetition)
    began = time.process_time()
    passed = [
        time.process_time() - began
        for _ in steps(model, torch.stack(prompts), TOKENS, Sampling(0.8), generator)
    ]
    return {"seconds_first": passed[0], "seconds_ended": passed[-1]}


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    timed = [f"seconds_{name}" for name in ("begun", "first", "ended")]
    study = Study("05_project/app", timed=timed)
    batch(2, 0)  # warm-up
    for repetition in range(REPETITIONS):
        for size in (1, 2, 5, 10):
            study.row(batch, size=size, repetition=repetition)
        for writer in ("clockwork", "smollm2"):
            for places in PLACES:
                study.row(queue, writer=writer, places=places, repetition=repetition)
    study.save()
