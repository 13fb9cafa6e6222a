"""Looks after tasks that nobody else does: queued ones, and those whose host is gone."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.tasks import TaskState
from core.tasks.states import sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.bus import Bus
    from core.tasks import TaskStore

log = logging.getLogger(__name__)

EVERY_S = 5.0
GONE = "The machine that ran it went away and did not come back."


class Sweeper:
    """Run `step` forever."""

    def __init__(self, *, tasks: TaskStore, bus: Bus, on_change: Callable[[], None]) -> None:
        self._tasks = tasks
        self._bus = bus
        self._on_change = on_change

    async def step(self) -> None:
        """One look, then a pause. Losing Redis loses nothing: what is queued is announced again."""
        live = await self._tasks.live(with_quiet=True)
        if any(task.state is TaskState.QUEUED for task in live):
            await self._bus.wake_tasks()
        now = datetime.now(UTC)
        for task in live:
            has_cancel = task.cancel_requested_at is not None
            match sweep(
                state=task.state, lease_until=task.lease_until, has_cancel=has_cancel, now=now
            ):
                case "cancel":
                    await self._tasks.give_up(task, TaskState.CANCELLED, "Stopped by you.")
                    self._on_change()
                case "give_up":
                    log.warning("task #%s is given up", task.no)
                    await self._tasks.give_up(task, TaskState.UNKNOWN, GONE)
                    self._on_change()
                case "leave":
                    continue
        await asyncio.sleep(EVERY_S)
