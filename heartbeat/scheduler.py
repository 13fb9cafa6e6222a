"""Carries out what schedules decide: a thin shell around `schedules` and its store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from heartbeat.clock import utc_now
from heartbeat.mover import Mover
from heartbeat.ports import Notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.db import Database, Session
    from heartbeat.ports import Queue, Say
    from heartbeat.schedules import Verdict
    from heartbeat.store import ScheduleStore


class Scheduler(Mover):
    """Starts what is due, and judges what ended."""

    def __init__(
        self, database: Database, store: ScheduleStore, *, queue: Queue, say: Say,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        super().__init__(database, queue=queue, say=say, clock=clock)
        self._store = store

    async def look(self) -> None:
        """Starts all that is due now, then judges all that ended. Cancelling rolls back."""
        now = self._clock()
        for schedule_id in await self._store.due_ids(now):
            await self._attempt(
                partial(self._store.claim_due, schedule_id=schedule_id, now=now, queue=self._queue),
                partial(self._fail, schedule_id, now),
            )
        await self._judge()

    async def _fail(
        self, schedule_id: int, now: datetime, session: Session, reason: str
    ) -> None:  # fmt: skip
        verdict = await self._store.fail_due(session, schedule_id, now=now, reason=reason)
        await self._tell(session, schedule_id, verdict)

    async def _judge(self) -> None:
        for schedule_id, at, outcome, reason in await self._store.ended_runs():
            async with self._db.transaction() as session:
                verdict = await self._store.settle(
                    session, schedule_id, at, outcome=outcome, reason=reason
                )
                await self._tell(session, schedule_id, verdict)

    async def _tell(self, session: Session, schedule_id: int, verdict: Verdict | None) -> None:
        if verdict is not None and verdict.tell:
            await self._say(session, Notice(text=verdict.tell, name=str(schedule_id)))
