"""Ctrl-C that waits until nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A training run was asked to stop, and did so between two steps; the message says what was saved.

    A program that ends because of it prints the message and exits with 130, as is the custom.
    """


@contextmanager
def deferred_interrupts() -> Iterator[threading.Event]:
    """Within it Ctrl-C and SIGTERM set the event and nothing else; a second Ctrl-C interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals reach the main thread only
        return

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

    # None: a handler that is not Python's
    before = {int(n): signal.getsignal(n) or signal.SIG_DFL for n in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
