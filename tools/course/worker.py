"""The process in which a submission runs: it knows no right answer and no test, is told what to call, and tells back.

The grader starts it inside a sandbox (`tools.course.sandbox`), with this file and the student's folder alone. Messages
are lines of JSON on two pipes; arrays travel as base64 of NumPy's own format, which holds numbers and no code. Nothing
that a student's program makes is ever unpickled.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import signal
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
import torch

LONGEST = 64_000_000  # characters of one message


def encode(value: Any, depth: int = 0) -> Any:
    """A value as JSON; of what is neither a number, a text, an array nor made of these, the type's name."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return {"number": repr(float(value)), "whole": isinstance(value, int)}
    if isinstance(value, torch.Tensor):
        return {"array": _npy(value.detach().cpu().numpy()), "tensor": True}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype != object:
        return {"array": _npy(np.asarray(value)), "tensor": False}
    if depth < 8 and isinstance(value, (list, tuple)):
        return {"list": [encode(item, depth + 1) for item in value]}
    if depth < 8 and isinstance(value, dict):
        return {"dict": {str(name): encode(item, depth + 1) for name, item in value.items()}}
    if isinstance(value, Fault):
        return {"fault": value.text}
    return {"other": type(value).__name__}


def decode(value: Any) -> Any:
    """The value of :func:`encode`'s JSON.

    Raises:
        ValueError: if it is none.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"not a value: {type(value).__name__}")
    if "number" in value:
        number = float(value["number"])
        return int(number) if value.get("whole") and number.is_integer() else number
    if "array" in value:
        array = np.load(io.BytesIO(base64.b64decode(value["array"])), allow_pickle=False)
        return torch.from_numpy(array.copy()) if value.get("tensor") else array
    if "list" in value:
        return [decode(item) for item in value["list"]]
    if "dict" in value:
        return {name: decode(item) for name, item in value["dict"].items()}
    return Fault(
        str(value["fault"])[:300] if "fault" in value else f"TypeError: it gives a {value.get('other')}"
    )


class Fault:
    """Stands for an observation that could not be made, because a call failed or gave what is no number."""

    def __init__(self, text: str) -> None:
        self.text = text


def observe(
    driver: Callable[..., dict[str, Any]], names: dict[str, Any], data: dict[str, Any]
) -> dict[str, Any]:
    """What a driver observes; of its entries those that are functions are called, each for itself."""
    found: dict[str, Any] = {}
    for key, value in driver(types.SimpleNamespace(**names), **data).items():
        torch.manual_seed(0)
        np.random.seed(0)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found[key] = value() if callable(value) else value
        except Exception as problem:
            found[key] = Fault(said(problem))
    return found


def _npy(array: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def said(error: BaseException) -> str:
    """An exception in one short line."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # a student's exception may raise when it is printed
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text}"[:300]


class Worker:
    """Runs the cells of a notebook once, and each part's calls in a process of its own."""

    def __init__(self, commands: TextIO, answers: TextIO) -> None:
        self.commands, self.answers = commands, answers
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}

    def tell(self, **message: Any) -> None:
        """One message to the grader."""
        self.answers.write(json.dumps(message) + "\n")
        self.answers.flush()

    def cells(self, cells: dict[str, str]) -> None:
        """Run cells in order; an error ends its cell, not the notebook."""
        for number, source in cells.items():
            self.tell(begins=number)
            try:
                exec(compile(source, f"cell {number}", "exec"), self.names)
            except BaseException as error:
                self.tell(failed=number, error=said(error))
        self.tell(ended=True)

    def part(self, request: dict[str, Any]) -> None:
        """Call what a part asks for in a child, which alone is told the right solutions of earlier parts."""
        child = os.fork()
        if child == 0:
            self.child(request)
        deadline = time.monotonic() + request["seconds"]
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self.tell(part=request["part"], error=f"it took more than {request['seconds']:g} seconds")
                status = 0
                break
            time.sleep(0.005)
        if status:
            self.tell(part=request["part"], error="it ended the process")
        self.tell(finished=request["part"])

    def child(self, request: dict[str, Any]) -> None:
        """Drive the student's functions; each answer is told as soon as it is there."""
        code = 1
        try:
            for source in request["given"]:
                exec(compile(source, "a right solution", "exec"), self.names)
            driver: dict[str, Any] = {"__name__": "driver"}
            exec(compile(request["driver"], "the grader's calls", "exec"), driver)
            found, error = {}, ""
            try:
                if missing := [name for name in request["asks"] if name not in self.names]:
                    raise NameError(f"{missing[0]} is not defined")
                found = observe(driver[request["function"]], self.names, decode(request["data"]))
            except BaseException as problem:
                error = said(problem)
            self.tell(part=request["part"], found=encode(found), error=error)
            code = 0
        finally:
            os._exit(code)

    def serve(self) -> None:
        """Do what the grader says until it says no more."""
        self.tell(ready=True)
        for line in self.commands:
            message = json.loads(line)
            if "cells" in message:
                self.cells(message["cells"])
            else:
                self.part(message)


def limit(memory: int, seconds: int, file_size: int, processes: int) -> None:
    """Limits by the operating system, which nothing in this process can raise again."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
        *([(resource.RLIMIT_NPROC, processes)] if processes else []),
    ):
        resource.setrlimit(what, (most, most))


def main() -> None:
    """Serve the grader on the two pipes whose numbers are the first arguments."""
    reading, writing, *limits = map(int, sys.argv[1:])
    limit(*limits)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a notebook prints is nobody's verdict
        os.dup2(nowhere, stream)
    torch.set_num_threads(1)
    sys.argv = ["notebook"]
    with (
        os.fdopen(reading, encoding="utf-8") as commands,
        os.fdopen(writing, "w", encoding="utf-8") as answers,
    ):
        Worker(commands, answers).serve()


if __name__ == "__main__":
    main()
