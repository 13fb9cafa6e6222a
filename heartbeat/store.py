"""Schedules in Postgres. Every method raises `Retryable` while Postgres is away.

Methods that take a `Session` belong into the caller's transaction; cancelling rolls it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.db import storable
from core.pause import hold_pause
from core.sql import load_queries
from heartbeat.cadence import as_json, from_json
from heartbeat.ports import TaskOrder
from heartbeat.schedules import (
    CatchUp,
    Firing,
    Run,
    Schedule,
    ScheduleId,
    ScheduleState,
    after_run,
    decide_firing,
    next_time,
)

if TYPE_CHECKING:
    from datetime import datetime

    from core.db import Database, Row, Session
    from core.tasks import TaskNo
    from heartbeat.ports import Queue
    from heartbeat.schedules import NewSchedule, Verdict

SQL = load_queries(__package__ or "heartbeat")


class ScheduleStore:
    """All reads and writes of schedules and their runs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, session: Session, new: NewSchedule, *, now: datetime) -> ScheduleId:
        """Keeps a schedule; its first time is after `now`."""
        made = await session.fetchval(
            SQL["add_schedule"], storable(new.title), storable(new.instructions),
            as_json(new.cadence), new.cadence.zone, new.skill, new.catch_up, now,
            next_time(new.cadence, now),
        )  # fmt: skip
        return ScheduleId(made)

    async def get(self, schedule_id: int, *, session: Session | None = None) -> Schedule | None:
        """One schedule, or None."""
        row = await (session or self._db).fetchrow(f"{SQL['schedule']} where id = $1", schedule_id)
        return as_schedule(row) if row else None

    async def all(self) -> tuple[Schedule, ...]:
        """Every schedule, oldest first."""
        rows = await self._db.fetch(f"{SQL['schedule']} order by id")
        return tuple(as_schedule(row) for row in rows)

    async def history(self, schedule_id: int, *, limit: int = 10) -> tuple[Run, ...]:
        """The newest runs, newest first."""
        rows = await self._db.fetch(SQL["schedule_history"], schedule_id, limit)
        return tuple(Run(**row) for row in rows)

    async def set_state(
        self, session: Session, schedule_id: int, state: ScheduleState, *, now: datetime
    ) -> bool:
        """Pauses or resumes. What passed while it was paused does not run. False: no such one."""
        found = await self._locked(session, schedule_id)
        if found is None:
            return False
        upcoming = next_time(found.cadence, now)
        await session.execute(SQL["set_schedule_state"], schedule_id, state, now, upcoming)
        return True

    async def delete(self, session: Session, schedule_id: int) -> bool:
        """Forgets a schedule and its history; its tasks stay. False: no such one."""
        return await session.fetchval(SQL["delete_schedule"], schedule_id) is not None

    async def due_ids(self, now: datetime) -> tuple[int, ...]:
        """Schedules that have something to decide at `now`."""
        return tuple(row["id"] for row in await self._db.fetch(SQL["due_schedules"], now))

    async def claim_due(
        self, session: Session, schedule_id: int, *, now: datetime, queue: Queue
    ) -> TaskNo | None:
        """Decides one schedule: claims its time, queues its task, moves on; all or nothing.

        None when nothing ran: another process was faster, the catch-up policy left it out, or
        everything is paused. What passed while it was paused does not run.
        """
        schedule = await self._ready(session, schedule_id)
        if schedule is None:
            return None
        firing = decide_firing(schedule, now)
        no = None
        if firing and firing.at and await self._claim(session, schedule, firing, now=now):
            no = await queue(session, order_of(schedule))
            await self._link(session, schedule, firing.at, no=no)
        await self._move(session, schedule, now)
        return no

    async def fail_due(
        self, session: Session, schedule_id: int, *, now: datetime, reason: str
    ) -> Verdict | None:
        """Settles a time whose task could not be queued as a failed run, and moves on."""
        schedule = await self._ready(session, schedule_id)
        firing = decide_firing(schedule, now) if schedule else None
        if schedule is None or firing is None or firing.at is None:
            return None
        verdict = None
        if await self._claim(session, schedule, firing, now=now):
            verdict = await self._settle(session, schedule, firing.at, "failed", reason)
        await self._move(session, schedule, now)
        return verdict

    async def _ready(self, session: Session, schedule_id: int) -> Schedule | None:
        """A schedule under its lock, unless everything is paused; a stop waits from here on."""
        pause = await hold_pause(session)
        schedule = None if pause.is_paused else await self._locked(session, schedule_id)
        if schedule is None:
            return None
        return replace(schedule, last_time=max(schedule.last_time, pause.changed_at))

    @staticmethod
    async def _move(session: Session, schedule: Schedule, now: datetime) -> None:
        upcoming = next_time(schedule.cadence, now)
        await session.execute(SQL["move_schedule"], schedule.id, now, upcoming)

    async def run_now(
        self, session: Session, schedule_id: int, *, now: datetime, queue: Queue
    ) -> TaskNo | None:
        """The owner's `run now`: one run outside the plan, which goes on unchanged."""
        schedule = await self._locked(session, schedule_id)
        if schedule is None:
            return None
        no = await queue(session, order_of(schedule))  # first: when it cannot, nothing is written
        await self._claim(session, schedule, Firing(at=now), now=now)
        await self._link(session, schedule, now, no=no)
        return no

    @staticmethod
    async def _claim(
        session: Session, schedule: Schedule, firing: Firing, *, now: datetime
    ) -> bool:  # fmt: skip
        """Takes a time; False when it was taken before."""
        row = await session.fetchval(
            SQL["insert_run"], schedule.id, firing.at, now, firing.missed
        )  # fmt: skip
        return row is not None

    @staticmethod
    async def _link(session: Session, schedule: Schedule, at: datetime, *, no: TaskNo) -> None:
        await session.execute(SQL["set_run_task"], schedule.id, at, no)
        await session.execute(SQL["mark_autonomous"], no, "schedule", str(schedule.id))

    async def _locked(self, session: Session, schedule_id: int) -> Schedule | None:
        row = await session.fetchrow(f"{SQL['schedule']} where id = $1 for update", schedule_id)
        return as_schedule(row) if row else None

    async def ended_runs(self) -> tuple[tuple[int, datetime, str, str], ...]:
        """Runs whose task has ended and that were not judged yet: id, time, state, reason."""
        rows = await self._db.fetch(SQL["ended_runs"])
        return tuple((r["schedule_id"], r["at"], r["state"], r["reason"]) for r in rows)

    async def settle(
        self, session: Session, schedule_id: int, at: datetime, *, outcome: str, reason: str = ""
    ) -> Verdict | None:
        """Writes down how a run ended and what follows; None when that was done before."""
        schedule = await self._locked(session, schedule_id)
        return await self._settle(session, schedule, at, outcome, reason) if schedule else None

    @staticmethod
    async def _settle(  # noqa: PLR0913, RUF100 - one row's key and its two values
        session: Session, schedule: Schedule, at: datetime, outcome: str, reason: str
    ) -> Verdict | None:
        kept = storable(reason)[:500]
        if not await session.fetchval(SQL["set_outcome"], schedule.id, at, outcome, kept):
            return None
        verdict = after_run(schedule, outcome, reason)
        await session.execute(SQL["set_verdict"], schedule.id, verdict.state, verdict.failures)
        return verdict


def order_of(schedule: Schedule) -> TaskOrder:
    """The task that a schedule queues: under its skill's manifest, or without permissions."""
    return TaskOrder(
        title=schedule.title, instructions=schedule.instructions, source="schedule",
        name=str(schedule.id), skill=schedule.skill,
    )  # fmt: skip


def as_schedule(row: Row) -> Schedule:
    """A row as a value."""
    changed = {
        "cadence": from_json(row["cadence"]), "state": ScheduleState(row["state"]),
        "catch_up": CatchUp(row["catch_up"]), "id": ScheduleId(row["id"]),
    }  # fmt: skip
    return Schedule(**{**row, **changed})
