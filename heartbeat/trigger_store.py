"""Triggers and their events in Postgres: each delivery once, each handled once.

Every method raises `Retryable` while Postgres is away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.db import storable
from core.sql import load_queries
from heartbeat.trigger_types import (
    PAYLOAD_CAP,
    STARTS_WITHIN,
    Activity,
    Event,
    Trigger,
    digest_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from core.db import Database, Session
    from core.tasks import TaskNo
    from heartbeat.trigger_types import Handling, Kind, NewEvent, NewTrigger, TriggerState

SQL = load_queries(__package__ or "heartbeat")


class TriggerStore:
    """All reads and writes of triggers and events."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, session: Session, new: NewTrigger, *, now: datetime) -> bool:
        """Keeps a trigger; False when the name is taken."""
        made = await session.fetchval(
            SQL["save_trigger"], new.name, new.kind, new.secret_name, dict(new.permissions),
            dict(new.spec), storable(new.instructions), now,
        )  # fmt: skip
        return made is not None

    async def get(self, name: str, *, session: Session | None = None) -> Trigger | None:
        """One trigger, or None."""
        row = await (session or self._db).fetchrow(f"{SQL['trigger']} where name = $1", name)
        return Trigger(**row) if row else None

    async def all(self, kind: Kind | None = None) -> tuple[Trigger, ...]:
        """Every trigger, or those of one kind, by name."""
        where = "where $1::text is null or kind = $1 order by name"
        rows = await self._db.fetch(f"{SQL['trigger']} {where}", kind)
        return tuple(Trigger(**row) for row in rows)

    async def active(self, kind: Kind) -> tuple[Trigger, ...]:
        """Those of one kind that take events now: none while everything is paused."""
        where = "where kind = $1 and state = 'active' and not (select is_paused from autonomy)"
        rows = await self._db.fetch(f"{SQL['trigger']} {where} order by name", kind)
        return tuple(Trigger(**row) for row in rows)

    async def activity(self, since: datetime) -> dict[str, Activity]:
        """The newest event of each trigger, and how many came since `since`."""
        rows = await self._db.fetch(SQL["activity"], since)
        return {row["trigger"]: Activity(**row) for row in rows}

    async def set_state(self, session: Session, name: str, state: TriggerState) -> bool:
        """Pauses or resumes; a paused trigger takes no events. False: no such one."""
        return await session.fetchval(SQL["set_trigger_state"], name, state) is not None

    async def delete(self, session: Session, name: str) -> bool:
        """Forgets a trigger and its events; its tasks stay. False: no such one."""
        return await session.fetchval(SQL["delete_trigger"], name) is not None

    async def set_position(self, name: str, position: str) -> None:
        """Remembers how far a trigger's source was read."""
        await self._db.execute(SQL["set_position"], name, storable(position))

    async def take(self, event: NewEvent, *, now: datetime) -> bool:
        """Keeps an event, committed. False: it came before, or nobody listens to it now."""
        payload = storable(event.payload)[:PAYLOAD_CAP]
        made = await self._db.fetchval(
            SQL["add_event"], event.trigger, storable(event.key)[:500], digest_of(event), now,
            payload,
        )  # fmt: skip
        return made is not None

    async def take_ended_tasks(self, now: datetime) -> None:
        """An event for each task that ended, for triggers of kind `task`.

        Tasks that checks or triggers started do not count: nothing here feeds itself.
        """
        await self._db.execute(SQL["add_ended_tasks"], now)

    async def open_events(self) -> tuple[Event, ...]:
        """Events that wait, oldest first, at most twenty."""
        return tuple(Event(**row) for row in await self._db.fetch(SQL["open_events"]))

    async def lock(self, session: Session, event_id: int) -> bool:
        """Claims an event for the caller's transaction; False when another has it."""
        return await session.fetchval(SQL["lock_event"], event_id) is not None

    async def started_today(self, session: Session, name: str, *, now: datetime) -> int:
        """Tasks that the trigger started within a day."""
        found: int = await session.fetchval(SQL["started_since"], name, now - STARTS_WITHIN)
        return found

    async def refused_today(self, session: Session, name: str, *, now: datetime) -> int:
        """Events of the trigger that could not start a task within a day."""
        found: int = await session.fetchval(SQL["refused_since"], name, now - STARTS_WITHIN)
        return found

    async def end(
        self, session: Session, event_id: int, outcome: Handling, *, now: datetime,
        task_no: TaskNo | None = None,
    ) -> None:  # fmt: skip
        """Marks an event as handled."""
        await session.execute(SQL["end_event"], event_id, now, outcome, task_no)

    async def mark_autonomous(self, session: Session, no: TaskNo, *, name: str) -> None:
        """Remembers that a trigger started the task."""
        await session.execute(SQL["mark_autonomous"], no, "trigger", name)
