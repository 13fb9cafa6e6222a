"""Schedules: which of their times happen, and what failures lead to. Pure.

Crash semantics: a time is claimed by inserting (schedule, time), which is unique, in the
transaction that queues its task. Killed before the commit, nothing happened and the time is still
due; killed after it, the row is there and the time cannot be claimed again.

A schedule's task runs under its skill's manifest alone; nothing here can add to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

from heartbeat.cadence import due, next_times, zone_of
from heartbeat.phrases import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from heartbeat.cadence import Cadence

ScheduleId = NewType("ScheduleId", int)
FAILURES_MAX = 5
LATE = timedelta(minutes=10)


class ScheduleState(StrEnum):
    """`paused` by the owner; `disabled` by its failures."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class CatchUp(StrEnum):
    """What becomes of times that passed while nothing ran."""

    RUN_ONCE = "run_once"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSchedule:
    """A schedule to be kept. An empty `skill` means a plain task."""

    title: str
    instructions: str
    cadence: Cadence
    skill: str = ""
    catch_up: CatchUp = CatchUp.RUN_ONCE


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A schedule as it stands. Everything up to `last_time` has been decided."""

    id: ScheduleId
    title: str
    instructions: str
    cadence: Cadence
    skill: str
    state: ScheduleState
    catch_up: CatchUp
    failures: int
    created_at: datetime
    last_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """`at` is the time to run for, None when all are left out; `missed` counts the others."""

    at: datetime | None
    missed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a run's end means for its schedule. `tell` is a sentence for the owner, or empty."""

    state: ScheduleState
    failures: int
    tell: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One line of a schedule's history; without a task it could not even be queued."""

    at: datetime
    task_no: int | None
    outcome: str | None
    reason: str = ""


def decide_firing(schedule: Schedule, now: datetime) -> Firing | None:
    """What is due at `now`; None when nothing is.

    Of several times that passed, the newest runs. When even that is late by more than ten minutes
    (the machine was off), the catch-up policy decides.
    """
    if schedule.state is not ScheduleState.ACTIVE:
        return None
    passed = due(schedule.cadence, schedule.last_time, now)
    if not passed:
        return None
    is_late = now - passed[-1] > LATE
    if is_late and schedule.catch_up is CatchUp.SKIP:
        return Firing(at=None, missed=len(passed))
    return Firing(at=passed[-1], missed=len(passed) - 1)


def next_time(cadence: Cadence, now: datetime) -> datetime:
    """The next time after `now`."""
    return next_times(cadence, now, 1)[0]


def after_run(schedule: Schedule, outcome: str, reason: str = "") -> Verdict:
    """What the end of a task means: told at the first failure, disabled after five in a row."""
    if outcome == "done":
        return Verdict(state=schedule.state, failures=0)
    if outcome == "cancelled":  # the owner's own decision is no failure
        return Verdict(state=schedule.state, failures=schedule.failures)
    failures = schedule.failures + 1
    because = f" {reason.strip()[:200]}" if reason.strip() else ""
    if failures >= FAILURES_MAX and schedule.state is ScheduleState.ACTIVE:
        text = f"“{schedule.title}” failed {failures} times in a row and is off now.{because}"
        return Verdict(state=ScheduleState.DISABLED, failures=failures, tell=text)
    text = f"“{schedule.title}” failed.{because} It goes on as planned." if failures == 1 else ""
    return Verdict(state=schedule.state, failures=failures, tell=text)


def confirmation(new: NewSchedule, now: datetime) -> Mapping[str, str]:
    """The card's lines before a schedule is made: what, when, and the next three times."""
    zone = zone_of(new.cadence.zone)
    shown = [f"{at.astimezone(zone):%a %d %b %Y %H:%M}" for at in next_times(new.cadence, now, 3)]
    return {
        "Task": new.title,
        "When": describe(new.cadence),
        "Next": ", ".join(shown),
        "If missed": "runs once" if new.catch_up is CatchUp.RUN_ONCE else "is left out",
    }
