"""What is remembered of checks, beats and notices, in Postgres.

A check's row is changed under its lock by a pure function, so that a button pressed during a beat
is not overwritten. Every method raises `Retryable` while Postgres is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.db import storable
from core.sql import load_queries
from heartbeat.checks import CheckState
from heartbeat.deciding import REMEMBERED_NOTICES, Load, after_feedback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from core.db import Database, Session
    from core.tasks import TaskNo
    from heartbeat.deciding import Feedback
    from heartbeat.ports import Source

SQL = load_queries(__package__ or "heartbeat")


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedTask:
    """A task that has ended and that neither a beat nor a trigger started."""

    no: int
    state: str
    title: str
    result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BeatRun:
    """One line of `/heartbeat log`."""

    at: datetime
    checks: tuple[str, ...]
    outcome: str
    cost_usd: Decimal


class CheckStore:
    """All reads and writes of checks' states, beats and notices."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def states(self, session: Session | None = None) -> dict[str, CheckState]:
        """Every state, by the check's name."""
        rows = await (session or self._db).fetch(SQL["states"])
        return {row["name"]: CheckState(**row) for row in rows}

    async def change(
        self, session: Session, name: str, become: Callable[[CheckState], CheckState]
    ) -> CheckState | None:
        """Changes one state under its lock; None when there is none."""
        row = await session.fetchrow(f"{SQL['states']} where name = $1 for update", name)
        if row is None:
            return None
        state = become(CheckState(**row))
        await self.save(session, state)
        return state

    async def save(self, session: Session, state: CheckState) -> None:
        """Writes a state as it is."""
        look = None if state.look is None else storable(state.look)
        await session.execute(
            SQL["save_state"], storable(state.name), state.digest, state.last_run, look,
            state.factor, state.muted_until, state.calls_today, state.cost_today, state.day,
            state.is_paused,
        )  # fmt: skip

    # --- beats ---

    async def spent(self, day: str) -> Load:
        """What beats have spent on `day`, and whether everything is paused."""
        row = await self._db.fetchrow(SQL["spent"], day)
        if row is None:
            return Load()
        return Load(
            calls_today=row["calls"], cost_today=row["usd"], is_paused=row["is_paused"]
        )  # fmt: skip

    async def begin_beat(
        self, session: Session, names: Sequence[str], *, now: datetime, day: str
    ) -> int:
        """Counts a model call that is about to be made."""
        made: int = await session.fetchval(SQL["begin_beat"], now, day, list(names))
        return made

    async def end_beat(self, session: Session, beat_id: int, outcome: str, *, usd: Decimal) -> None:
        """Writes down what a call led to and cost."""
        await session.execute(SQL["end_beat"], beat_id, storable(outcome)[:500], usd)

    async def beats(self, *, limit: int = 10) -> tuple[BeatRun, ...]:
        """The newest beats, newest first."""
        rows = await self._db.fetch(SQL["beats"], limit)
        return tuple(BeatRun(**{**row, "checks": tuple(row["checks"])}) for row in rows)

    # --- notices ---

    async def recent_digests(self, session: Session, name: str) -> frozenset[str]:
        """Digests of what a check said or started last."""
        rows = await session.fetch(SQL["recent_digests"], name, REMEMBERED_NOTICES)
        return frozenset(row["digest"] for row in rows)

    async def add_notice(
        self, session: Session, name: str, *, digest: str, text: str, now: datetime
    ) -> int:
        """Keeps a notice; returns the id that its buttons carry."""
        made: int = await session.fetchval(SQL["add_notice"], name, digest, storable(text), now)
        return made

    async def feedback(
        self, session: Session, notice_id: int, feedback: Feedback, *, now: datetime
    ) -> CheckState | None:
        """Takes the owner's button; the check's new state, or None when it is gone."""
        name = await session.fetchval(SQL["set_feedback"], notice_id, feedback)
        if name is None:
            return None
        return await self.change(session, name, lambda s: after_feedback(s, feedback, now))

    # --- what checks look at ---

    async def newest_ended(self, no: int | None) -> EndedTask | None:
        """The task `no`, or with None the newest, when it has ended and is not the beat's own."""
        row = await self._db.fetchrow(SQL["ended_tasks"], no)
        return EndedTask(**row) if row else None

    async def newest_event(self, trigger: str) -> tuple[int, str] | None:
        """The newest event of a trigger: its id and payload."""
        row = await self._db.fetchrow(SQL["newest_event"], trigger)
        return (row["id"], row["payload"]) if row else None

    async def mark_autonomous(
        self, session: Session, no: TaskNo, *, source: Source, name: str
    ) -> None:
        """Remembers that nobody asked for a task: its end does not wake what started it."""
        await session.execute(SQL["mark_autonomous"], no, source, name)
