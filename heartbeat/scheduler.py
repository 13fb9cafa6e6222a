"""Carries out what schedules decide: a thin shell around `schedules` and its store.

One schedule that fails never holds up the others; it is tried again at the next step.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable
from heartbeat.ports import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.db import Database
    from heartbeat.ports import Queue, Say
    from heartbeat.store import ScheduleStore

log = logging.getLogger(__name__)
REST_S = 5.0


def utc_now() -> datetime:
    """The clock of the real world."""
    return datetime.now(UTC)


class Scheduler:
    """Starts what is due, and judges what ended."""

    def __init__(
        self, database: Database, store: ScheduleStore, *, queue: Queue, say: Say,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._queue = queue
        self._say = say
        self._clock = clock

    async def step(self) -> None:
        """One look at the clock, then a rest. Cancelling rolls back what is not committed."""
        await self.look()
        await asyncio.sleep(REST_S)

    async def look(self) -> None:
        """Starts all that is due now, then judges all that ended."""
        now = self._clock()
        for schedule_id in await self._store.due_ids(now):
            try:
                async with self._db.transaction() as session:
                    await self._store.claim_due(session, schedule_id, now=now, queue=self._queue)
            except Retryable:
                raise
            except AgentAIError:
                log.exception("a schedule could not start", extra={"schedule": schedule_id})
        await self._judge()

    async def _judge(self) -> None:
        for schedule_id, at, outcome, reason in await self._store.ended_runs():
            async with self._db.transaction() as session:
                verdict = await self._store.settle(
                    session, schedule_id, at, outcome=outcome, reason=reason
                )
                if verdict is not None and verdict.tell:
                    await self._say(session, Notice(text=verdict.tell, name=str(schedule_id)))
