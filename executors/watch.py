"""Watches over a running container: its time, its disk, and whether it is still alive.

Its worker has limits of its own and says what it printed when one is reached; these come later, and
hold for a worker that does not obey.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Retryable
from core.tasks import Outcome, TaskState
from executors.results import used_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from executors.ports import Launcher, Limits
    from executors.slots import Slot

log = logging.getLogger(__name__)

WATCH_EVERY_S = 1.0
GRACE_S = 5.0  # the worker's own limit comes first: it can still say what it printed
GONE_AFTER_S = 2.0
CANCELLED = Outcome(state=TaskState.CANCELLED, reason="Stopped by you.")
DIED = Outcome(state=TaskState.FAILED, reason="Its container ended unexpectedly.")


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One container's watch; while `is_waiting()` (for the owner) its time does not count."""

    launcher: Launcher
    slot: Slot
    limits: Limits
    time_s: int
    is_waiting: Callable[[], bool]

    async def run(self) -> Outcome:
        """Ends with the outcome of a limit or of the container's death."""
        disk = self.limits.disk_mb * 1024 * 1024
        worked_s, last = 0.0, time.monotonic()
        gone_since: float | None = None
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = time.monotonic()
            worked_s += 0.0 if self.is_waiting() else now - last
            last = now
            if worked_s > self.time_s + GRACE_S:
                return stopped(f"it ran longer than {span(self.time_s)}")
            used = await asyncio.to_thread(used_bytes, self.slot.work, stop_at=disk)
            if used > disk:
                return stopped(f"it wrote more than {self.limits.disk_mb} MB")
            if self.slot.line.connected.is_set():
                gone_since = None
                continue
            gone_since = gone_since or now
            if now - gone_since >= GONE_AFTER_S and await self._is_dead():
                return await self._post_mortem()

    async def _is_dead(self) -> bool:
        try:
            found = await self.launcher.list()
        except Retryable:
            return False
        return not any(c.slot == self.slot.name and c.is_running for c in found)

    async def _post_mortem(self) -> Outcome:
        try:
            if await self.launcher.was_out_of_memory(self.slot.name):
                return stopped(f"it used more than {self.limits.memory_mb} MB of memory")
        except Retryable as error:
            log.info("no post-mortem of %s: %s", self.slot.name, error)
        return DIED


def span(seconds: int) -> str:
    """A length of time in words."""
    return f"{seconds // 60} minutes" if seconds >= 60 else f"{seconds} seconds"


def stopped(why: str) -> Outcome:
    """The outcome of a limit."""
    return Outcome(state=TaskState.FAILED, reason=f"Stopped: {why}.")
