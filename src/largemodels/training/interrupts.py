"""Ctrl-C that takes effect between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A training run was interrupted and stopped between two steps; the message says what was saved.

    A program that ends because of it should print the message and exit with status 130, as is conventional.
    """


@contextmanager
def deferred_interrupts() -> Iterator[threading.Event]:
    """Make Ctrl-C and SIGTERM only set the event; the second time either arrives, it interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals reach the main thread only
        return

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

    # getsignal returns None for a handler that was not installed from Python.
    before = {int(n): signal.getsignal(n) or signal.SIG_DFL for n in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
