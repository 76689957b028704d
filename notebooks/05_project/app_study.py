"""Study of the chapter "An app that people can try": when each of ten readers is served.

    make study NAME=05_project/app

About nine minutes of one core, Linux only. The process keeps to one core and reads the time that it
has spent on it, so the time of other programs is not counted; they may still make the core slower.
Texts that a clock ticks out take no time of the core; for them the clock is the one on the wall.
"""

from __future__ import annotations

import functools
import os
import queue as waiting
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import httpx
import torch
from torch import Tensor
from torch.nn.functional import linear

import largemodels as lm
from largemodels.app import pages as app
from largemodels.book.studies import Study
from largemodels.text.generation import steps
from largemodels.text.sampling import Sampling

READERS, TOKENS, SECONDS, PLACES, REPETITIONS = 10, 20, 0.6, (1, 2, 4), 5
APART = 0.3  # seconds from one reader to the next, where they do not all come at once
PROMPTS = [f"Reader {n} wrote a letter to" for n in range(READERS)]


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


def join(http: httpx.Client, prompt: str, seed: int, tokens: int) -> None:
    """Ask for a text as the page does; returns when the server has put it into its queue."""
    wish = [prompt, "model", "temperature", 0.8, 50, 0.95, tokens, seed]
    asked = {"fn_index": 0, "data": wish, "session_hash": prompt}
    http.post("queue/join", json=asked).raise_for_status()


def listen(http: httpx.Client, prompt: str) -> None:
    """Wait for the end of the text."""
    with http.stream("GET", "queue/data", params={"session_hash": prompt}) as answer:
        assert any("process_completed" in line for line in answer.iter_lines())


def as_row(served: Timed, began: float) -> dict[str, list[float]]:
    """When each text began, had its first token and ended, in the order of asking."""
    moments = [[at - began for at in served.seen[prompt]] for prompt in PROMPTS]
    names = ("seconds_begun", "seconds_first", "seconds_ended")
    return dict(zip(names, map(list, zip(*moments, strict=True)), strict=True))


def queue(writer: str, places: int, tokens: int, repetition: int) -> dict:
    """Ten readers of the page ask, each as soon as the server has accepted the one before."""
    kind, clock = {
        "clockwork": (Clockwork, time.perf_counter),
        "smollm2": (Timed, time.process_time),
    }[writer]
    served = kind({"model": smollm2()}, app.AppConfig(at_once=places), clock)
    with (
        app.serving(served) as address,
        httpx.Client(base_url=address + "gradio_api/", timeout=300) as http,
        ThreadPoolExecutor(READERS) as pool,
    ):
        join(http, "warm-up", 0, 1)
        listen(http, "warm-up")
        began, jobs = clock(), []
        for n, prompt in enumerate(PROMPTS):
            join(http, prompt, n, tokens)
            jobs.append(pool.submit(listen, http, prompt))
        for job in jobs:
            job.result()
    return as_row(served, began)


def threads(places: int, repetition: int) -> dict:
    """The same texts without page and server: each place is a thread that takes the next reader."""
    served = Timed({"model": smollm2()}, app.AppConfig(), time.process_time)
    readers: waiting.SimpleQueue[int] = waiting.SimpleQueue()
    for n in range(READERS):
        readers.put(n)

    def place() -> None:
        while True:
            try:
                n = readers.get_nowait()
            except waiting.Empty:
                return
            for _ in served.write(
                PROMPTS[n], "model", "temperature", 0.8, 50, 0.95, TOKENS, n
            ):
                pass

    began = time.process_time()
    with ThreadPoolExecutor(places) as pool:
        for job in [pool.submit(place) for _ in range(places)]:
            job.result()
    return as_row(served, began)


def encoded(n: int) -> Tensor:
    """The prompts of the first ``n`` readers, ``(n, time)``; all have equally many tokens."""
    return torch.stack([smollm2()[1].encode(prompt) for prompt in PROMPTS[:n]])


def batch(size: int, one_row: str, repetition: int) -> dict:
    """Texts in one batch, without the page: seconds to the first tokens, and to the last.

    The library multiplies a matrix by a single row with a faster kernel of its own. With
    ``one_row="as many"`` a single text uses the kernel that several use.
    """
    generator = torch.Generator().manual_seed(repetition)
    large = lm.models.linear.LARGE if one_row == "own kernel" else 10**12
    with mock.patch("largemodels.models.linear.LARGE", large):
        began = time.process_time()
        passed = [
            time.process_time() - began
            for _ in steps(smollm2()[0], encoded(size), TOKENS, Sampling(0.8), generator)
        ]
    return {"seconds_first": passed[0], "seconds_ended": passed[-1]}


@torch.inference_mode()
def products(size: int, matrix: str, repetition: int) -> dict:
    """120 products of rows with SmolLM2's matrices: with one that stays in the cache, or all."""
    weights = [
        block.mlp.contract.weight for block in smollm2()[0].blocks
    ]  # 30 of (576, 1536)
    rows = torch.ones(size, weights[0].shape[1])
    for _ in range(2):  # the first for warming up
        began = time.process_time()
        for _ in range(4):
            for weight in weights:
                linear(rows, weights[0] if matrix == "one" else weight)
    return {"seconds": time.process_time() - began}


@torch.no_grad()
def continuous(
    prompts: Tensor, n_new: int, has_come: Callable[[int], bool]
) -> Iterator[tuple[int, int]]:
    """A batch that texts join and leave between two steps; yields readers and tokens."""
    model, sampling = smollm2()[0], Sampling(0.8)
    n_readers, longest = prompts.shape
    cache = model.new_cache(n_readers, longest + n_readers * n_new)
    cache.length, cache.mask = (
        longest,
        torch.zeros(n_readers, cache.capacity, dtype=torch.bool),
    )
    logits = torch.zeros(n_readers, model.config.vocab_size)
    newest = torch.zeros(n_readers, 1, dtype=torch.long)
    left, come = {}, 0  # tokens still to write, by reader
    own = [torch.Generator().manual_seed(n) for n in range(n_readers)]
    while left or come < n_readers:
        while come < n_readers and has_come(come):
            alone, start = model.new_cache(1, longest), cache.length - longest
            logits[come] = model(prompts[come : come + 1], cache=alone)[0, -1]
            cache.keys[:, come, :, start : cache.length] = alone.keys[:, 0]
            cache.values[:, come, :, start : cache.length] = alone.values[:, 0]
            cache.mask[come, start:] = True
            left[come], come = n_new, come + 1
        for n in list(left):
            newest[n] = sampling.choose(logits[n : n + 1], prompts, None, own[n])
            yield n, int(newest[n])
            left[n] -= 1
            if not left[n]:
                del left[n]
        if left:
            logits = model(newest, cache=cache)[:, -1]


def coming(served: str, repetition: int) -> dict:
    """Ten readers come ``APART`` seconds one after the other; all texts have ``TOKENS`` tokens.

    One by one; in closed batches of all who wait; or in a batch that they join. Without the page.
    """
    prompts, first, ended = encoded(READERS), {}, {}
    began = time.process_time()

    def passed() -> float:
        return time.process_time() - began

    def written(n: int) -> None:
        first.setdefault(n, passed())
        ended[n] = passed()

    if served == "continuous":
        for n, _ in continuous(prompts, TOKENS, lambda n: passed() >= n * APART):
            written(n)
    while len(ended) < READERS:
        start = len(ended)
        there = [n for n in range(start, READERS) if passed() >= n * APART]
        there = there[:1] if served == "one by one" else there
        if there:  # if nobody is, this loop waits for the clock
            generator = torch.Generator().manual_seed(start)
            for _ in steps(smollm2()[0], prompts[there], TOKENS, Sampling(0.8), generator):
                for n in there:
                    written(n)
    return {"seconds_first": [*first.values()], "seconds_ended": [*ended.values()]}


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    timed = [f"seconds_{name}" for name in ("begun", "first", "ended")]
    study = Study("05_project/app", timed=[*timed, "seconds"])
    batch(2, "own kernel", 0)  # warm-up
    for repetition in range(REPETITIONS):
        for size in (1, 2, 5, 10):
            study.row(batch, size=size, one_row="own kernel", repetition=repetition)
        study.row(batch, size=1, one_row="as many", repetition=repetition)
        for matrix in ("one", "all"):
            for size in (1, 2, 5, 10):
                study.row(products, size=size, matrix=matrix, repetition=repetition)
        for served in ("one by one", "closed", "continuous"):
            study.row(coming, served=served, repetition=repetition)
        for places in PLACES:
            study.row(threads, places=places, repetition=repetition)
            for writer in ("clockwork", "smollm2"):
                wish = dict(writer=writer, places=places, tokens=TOKENS)
                study.row(queue, **wish, repetition=repetition)
            if places > 1:  # so short that no text ends early
                study.row(
                    queue, writer="smollm2", places=places, tokens=8, repetition=repetition
                )
    study.save()
