"""Ctrl-C between two steps."""

from __future__ import annotations

import signal

import pytest

from largemodels.training import interrupts


def test_presses_in_one_moment_are_one(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts.os, "isatty", lambda number: True)
    with interrupts.deferred_interrupts() as asked:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
    assert capfd.readouterr().err.count("Press Ctrl-C again to stop at once.") == 1


def test_a_later_one_acts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "ONE_PRESS", 0.0)
    with interrupts.deferred_interrupts() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
