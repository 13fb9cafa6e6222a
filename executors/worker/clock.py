"""How long a task may still work. Time spent waiting for the owner does not count."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class WorkClock:
    """Counts down from `limit_s` seconds."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._deadline = time.monotonic() + limit_s

    @property
    def left_s(self) -> float:
        """Seconds left; 0 when time is up."""
        return max(0.0, self._deadline - time.monotonic())

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The time inside the block does not count."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._deadline += time.monotonic() - began

    def add(self, seconds: float) -> None:
        """Gives back time in which the task had to wait."""
        self._deadline += seconds

    @property
    def sentence(self) -> str:
        """Why the task ends when time is up."""
        minutes = self.limit_s / 60
        span = f"{minutes:g} minutes" if minutes >= 2 else f"{self.limit_s:g} seconds"
        return f"Stopped: it ran longer than {span}."
