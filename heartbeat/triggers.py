"""Turns events that arrived into tasks: a thin shell around `trigger_types`.

Crash semantics: an event is kept before its sender is answered; its task is queued in the
transaction that marks it as handled. A kill in between leaves it waiting; none runs twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable
from heartbeat.ports import Notice
from heartbeat.scheduler import utc_now
from heartbeat.trigger_types import STARTS_MAX, handling, order_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.db import Database, Session
    from core.tasks import TaskNo
    from heartbeat.ports import Queue, Say
    from heartbeat.trigger_store import TriggerStore
    from heartbeat.trigger_types import Event, Trigger

log = logging.getLogger(__name__)
REST_S = 2.0


class Triggers:
    """Handles events."""

    def __init__(
        self, database: Database, store: TriggerStore, *, queue: Queue, say: Say,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._queue = queue
        self._say = say
        self._clock = clock

    async def step(self) -> None:
        """Handles what waits, then rests. Cancelling leaves whole transactions only."""
        await self.look()
        await asyncio.sleep(REST_S)

    async def look(self) -> None:
        """Handles every event that waits."""
        now = self._clock()
        await self._store.take_ended_tasks(now)
        for event in await self._store.open_events():
            try:
                async with self._db.transaction() as session:
                    await self._handle(session, event, now)
            except Retryable:
                raise
            except AgentAIError:
                log.exception("an event could not start a task", extra={"trigger": event.trigger})
                async with self._db.transaction() as session:
                    await self._store.end(session, event.id, "refused", now=now)

    async def _handle(self, session: Session, event: Event, now: datetime) -> None:
        if not await self._store.lock(session, event.id):
            return
        trigger = await self._store.get(event.trigger, session=session)
        if trigger is None:
            return
        started = await self._store.started_today(session, trigger.name, now=now)
        outcome = handling(trigger, started_today=started)
        no = await self._start(session, trigger, event) if outcome == "start" else None
        if outcome == "start" and started + 1 == STARTS_MAX:
            text = f"Trigger {trigger.name} has started {STARTS_MAX} tasks within a day; no more."
            await self._say(session, Notice(text=text, name=trigger.name))
        await self._store.end(session, event.id, outcome, now=now, task_no=no)

    async def _start(self, session: Session, trigger: Trigger, event: Event) -> TaskNo:
        order = order_for(trigger, event, nonce=secrets.token_hex(12))
        no = await self._queue(session, order)
        await self._store.mark_autonomous(session, no, name=trigger.name)
        return no
