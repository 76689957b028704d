"""Ctrl-C that takes effect between two steps."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ONE_PRESS = 2.0  # seconds in which signals count as one: hands, terminals and shells send some twice
HANGUP = getattr(signal, "SIGHUP", -1)  # -1: this system has none


class Interrupted(KeyboardInterrupt):
    """A training run was interrupted and stopped between two steps; the message says what was saved.

    A program that ends because of it should print the message and exit with status 130, as is conventional.
    """


@contextmanager
def deferred_interrupts() -> Iterator[threading.Event]:
    """Make Ctrl-C, SIGTERM and SIGHUP only set the event; one that arrives more than two seconds later acts at once.

    SIGHUP, which a terminal sends when it is closed and Windows does not have, stays ignored where ``nohup`` says so.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals reach the main thread only
        return

    first = 0.0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not asked.is_set():
            asked.set()
            first = time.monotonic()
            if number == signal.SIGINT and os.environ.get("RANK", "0") == "0" and os.isatty(2):
                with suppress(OSError):  # not print, which may itself have been interrupted
                    os.write(2, b"\nStopping. Press Ctrl-C again to stop at once.\n")
        elif time.monotonic() - first > ONE_PRESS:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    # getsignal returns None for a handler that was not installed from Python.
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {int(n): signal.getsignal(n) or signal.SIG_DFL for n in numbers}
    if before.get(HANGUP) is signal.SIG_IGN:
        del before[HANGUP]
    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
