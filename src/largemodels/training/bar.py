"""The progress bar of a training run."""

from __future__ import annotations

import math
import time
from typing import Any

from tqdm import tqdm

from .history import Progress


class Bar:
    """A progress bar that shows loss and speed.

    Args:
        progress: of the run.
        steps: total number; None: the bar counts seconds.
        seconds: total training time, if the bar counts seconds.
        visible: true in only one of several processes.
    """

    def __init__(self, progress: Progress, steps: int | None, seconds: float | None, visible: bool) -> None:
        self.progress, self.by_step = progress, steps is not None
        self._began, self._looked, self._speed = progress.seconds, 0.0, ""
        total, unit = (steps, "step") if steps is not None else (round(seconds or 0), "s")
        # Passed only if the bar is hidden, so that otherwise tqdm's own TQDM_DISABLE decides.
        hidden: dict[str, Any] = {} if visible else {"disable": True}
        self._bar = tqdm(total=total, initial=self._done(), desc="training", unit=unit, **hidden)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._write()
        self._bar.close()

    def _done(self) -> int:
        return self.progress.step if self.by_step else int(self.progress.seconds)

    def show(self, items: int, kind: str) -> None:
        """Advance the bar; loss and speed are updated only twice a second, since fetching losses waits for the device.

        Args:
            items: number processed since the bar was opened.
            kind: of items, "tokens" or "examples".
        """
        if time.perf_counter() - self._looked > 0.5:
            self.progress.read()
            self._speed = f", {items / (self.progress.seconds - self._began):,.0f} {kind}/s"
            self._write()
            self._looked = time.perf_counter()
        self._bar.update(self._done() - self._bar.n)

    def _write(self) -> None:
        if not math.isnan(self.progress.latest):
            self._bar.set_postfix_str(f"loss {self.progress.latest:.3f}{self._speed}", refresh=False)
