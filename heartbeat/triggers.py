"""Turns events that arrived into tasks: a thin shell around `trigger_types`.

Crash semantics: an event is kept before its sender is answered; its task is queued in the
transaction that marks it as handled. A kill in between leaves it waiting; none runs twice.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from core.pause import hold_pause
from heartbeat.clock import utc_now
from heartbeat.mover import Mover
from heartbeat.ports import Notice
from heartbeat.trigger_types import STARTS_MAX, handling, order_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.db import Database, Session
    from core.tasks import TaskNo
    from heartbeat.ports import Queue, Say
    from heartbeat.trigger_store import TriggerStore
    from heartbeat.trigger_types import Event, Trigger


class Triggers(Mover):
    """Handles events."""

    def __init__(
        self, database: Database, store: TriggerStore, *, queue: Queue, say: Say,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        super().__init__(database, queue=queue, say=say, clock=clock)
        self._store = store

    async def look(self) -> None:
        """Handles every event that waits. Cancelling leaves whole transactions only."""
        now = self._clock()
        await self._store.take_ended_tasks(now)
        for event in await self._store.open_events():
            await self._attempt(
                partial(self._handle, event, now), partial(self._refuse, event, now)
            )

    async def _handle(self, event: Event, now: datetime, session: Session) -> None:
        if (await hold_pause(session)).is_paused or not await self._store.lock(session, event.id):
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

    async def _refuse(self, event: Event, now: datetime, session: Session, reason: str) -> None:
        """The owner hears of a trigger's first refused event of a day, and of no other."""
        if not await self._store.lock(session, event.id):
            return
        refused = await self._store.refused_today(session, event.trigger, now=now)
        await self._store.end(session, event.id, "refused", now=now)
        if not refused:
            text = f"Trigger {event.trigger} could not start a task. {reason}"
            await self._say(session, Notice(text=text, name=event.trigger))

    async def _start(self, session: Session, trigger: Trigger, event: Event) -> TaskNo:
        order = order_for(trigger, event, nonce=secrets.token_hex(12))
        no = await self._queue(session, order)
        await self._store.mark_autonomous(session, no, name=trigger.name)
        return no
