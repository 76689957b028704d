"""Ctrl-C that takes effect between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANGUP = getattr(signal, "SIGHUP", -1)  # -1: this system has none


class Interrupted(KeyboardInterrupt):
    """A training run was interrupted and stopped between two steps; the message says what was saved.

    A program that ends because of it should print the message and exit with status 130, as is conventional.
    """


@contextmanager
def deferred_interrupts() -> Iterator[threading.Event]:
    """Make Ctrl-C, SIGTERM and SIGHUP only set the event; the second time one arrives, it acts at once.

    SIGHUP, which a terminal sends when it is closed and Windows does not have, stays ignored where ``nohup`` says so.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals reach the main thread only
        return

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

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
