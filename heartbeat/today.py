"""The day as a check `with: today` is given it: short, bounded, empty when there is nothing.

Threat: titles, questions and reasons may hold what tasks read outside. So all of it goes to the
model as quoted, untrusted material, cut to size, and taints whatever comes of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from core.sql import load_queries
from heartbeat.cadence import times, zone_of
from heartbeat.store import as_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from core.db import Database
    from heartbeat.schedules import Schedule

SQL = load_queries(__package__ or "heartbeat")
NOTE_CAP = 2000
LINE_CAP = 160
EACH = 10
SINCE = timedelta(days=1)
WORDS = {
    "queued": "queued", "running": "at work", "waiting": "waits for the owner",
    "done": "done since yesterday", "failed": "failed since yesterday",
    "cancelled": "cancelled since yesterday", "unknown": "ended in doubt since yesterday",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class DayTask:
    """A task of the day; `note` is its question, or why it ended."""

    no: int
    state: str
    title: str
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DayApproval:
    """An approval that waits for the owner."""

    id: int
    task_no: int
    title: str


class Today:
    """Reads what a day holds."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def note(self, now: datetime, zone: str) -> str:
        """The day at `now` on the clock of `zone`; empty when there is nothing at all."""
        approvals = await self._db.fetch(SQL["day_approvals"], now)
        tasks = await self._db.fetch(SQL["day_tasks"], now - SINCE)
        rows = await self._db.fetch(f"{SQL['schedule']} where state = 'active' order by id")
        return day_note(
            [DayApproval(**row) for row in approvals], [DayTask(**row) for row in tasks],
            planned([as_schedule(row) for row in rows], now, zone),
        )  # fmt: skip


def planned(schedules: Sequence[Schedule], now: datetime, zone: str) -> list[tuple[datetime, str]]:
    """What is planned for the rest of the day on the clock of `zone`, earliest first."""
    here = zone_of(zone)
    day = now.astimezone(here).date()
    found = [
        (at.astimezone(here), schedule.title)
        for schedule in schedules
        for at, _ in zip(
            takewhile(lambda at: at.astimezone(here).date() == day, times(schedule.cadence, now)),
            range(EACH), strict=False,
        )
    ]  # fmt: skip
    return sorted(found)[:EACH]


def day_note(
    approvals: Sequence[DayApproval], tasks: Sequence[DayTask],
    plans: Sequence[tuple[datetime, str]],
) -> str:  # fmt: skip
    """The lines of a day, those that wait for the owner first."""
    lines = [
        *(f"Approval {a.id} of task #{a.task_no} waits: {a.title}" for a in approvals[:EACH]),
        *_task_lines(tasks),
        *(f"Planned for {at:%H:%M}: {title}" for at, title in plans),
    ]
    return "\n".join(" ".join(line.split())[:LINE_CAP] for line in lines)[:NOTE_CAP]


def _task_lines(tasks: Sequence[DayTask]) -> Iterator[str]:
    for task in tasks[: 2 * EACH]:
        note = f" ({task.note})" if task.note else ""
        yield f"Task #{task.no} {WORDS.get(task.state, task.state)}: {task.title}{note}"
