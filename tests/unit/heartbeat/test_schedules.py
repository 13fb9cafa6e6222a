"""Schedules: a simulated year, downtime, failures."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from heartbeat.cadence import cron
from heartbeat.schedules import (
    CatchUp,
    Firing,
    NewSchedule,
    Schedule,
    ScheduleId,
    ScheduleState,
    after_run,
    confirmation,
    decide_firing,
)
from tests.support.years import YEAR, ZONES, days, first_shown

START = datetime(YEAR, 1, 1, tzinfo=UTC)


def schedule(expression: str, zone: str, **fields: object) -> Schedule:
    made = Schedule(
        id=ScheduleId(1), title="t", instructions="i", cadence=cron(expression, zone), skill="",
        state=ScheduleState.ACTIVE, catch_up=CatchUp.RUN_ONCE, failures=0, created_at=START,
        last_time=START,
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def simulate(one: Schedule, until: datetime, dice: random.Random) -> list[datetime]:
    """What fires when somebody looks every few minutes."""
    fired, now = [], one.last_time
    while now < until:
        now += timedelta(seconds=dice.randrange(20, 540))
        if firing := decide_firing(one, now):
            assert firing.missed == 0
            assert firing.at is not None
            fired.append(firing.at)
            one = replace(one, last_time=now)
    return fired


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_days_fires_each_time_once(zone: str) -> None:
    start = datetime(YEAR, 1, 1, tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
    one = schedule("30 2 * * *", zone, last_time=start)
    until = datetime(YEAR + 1, 1, 1, tzinfo=ZoneInfo(zone))
    fired = simulate(one, until, random.Random(zone))
    assert fired == [first_shown(day, time(2, 30), zone) for day in days()]


@pytest.mark.parametrize("policy", CatchUp)
def test_after_downtime_the_policy_decides(policy: CatchUp) -> None:
    one = schedule("0 9 * * *", "UTC", catch_up=policy)
    now = START + timedelta(days=10, hours=12)
    newest = START + timedelta(days=10, hours=9)
    expected = (
        Firing(at=newest, missed=10) if policy is CatchUp.RUN_ONCE else Firing(at=None, missed=11)
    )
    assert decide_firing(one, now) == expected
    assert decide_firing(replace(one, last_time=now), now) is None


def test_a_short_pause_is_no_downtime() -> None:
    one = schedule("0 9 * * *", "UTC", catch_up=CatchUp.SKIP)
    firing = decide_firing(one, START + timedelta(hours=9, minutes=9))
    assert firing == Firing(at=START + timedelta(hours=9))


@pytest.mark.parametrize("state", [ScheduleState.PAUSED, ScheduleState.DISABLED])
def test_what_is_not_active_does_not_fire(state: ScheduleState) -> None:
    assert (
        decide_firing(schedule("* * * * *", "UTC", state=state), START + timedelta(days=1)) is None
    )


def test_failures_are_told_once_and_end_in_disabling() -> None:
    one, told = schedule("* * * * *", "UTC"), []
    for _ in range(5):
        verdict = after_run(one, "failed", "no disk")
        told.append(bool(verdict.tell))
        one = replace(one, failures=verdict.failures, state=verdict.state)
    assert told == [True, False, False, False, True]
    assert one.state is ScheduleState.DISABLED
    assert after_run(replace(one, failures=3), "done").failures == 0
    assert after_run(replace(one, failures=3), "cancelled").failures == 3


def test_the_confirmation_shows_words_and_three_times() -> None:
    new = NewSchedule(
        title="Timesheet", instructions="x", cadence=cron("0 9 * * 1", "Europe/Berlin")
    )
    card = confirmation(new, datetime(2026, 3, 25, tzinfo=UTC))
    assert card["When"] == "every Monday at 09:00 (Europe/Berlin)"
    assert card["Next"] == "Mon 30 Mar 2026 09:00, Mon 06 Apr 2026 09:00, Mon 13 Apr 2026 09:00"
