"""Cadences on real clocks: a year in five zones, both clock changes in each."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserFacing
from heartbeat.cadence import (
    DUE_CAP,
    Cron,
    as_json,
    cron,
    due,
    every,
    from_json,
    next_times,
    times,
    zone_of,
)
from tests.support.years import YEAR, ZONES, days, first_shown


def year_of(cadence: Cron) -> list[datetime]:
    """All times of the cadence in the year, by its own clock."""
    zone = ZoneInfo(cadence.zone)
    start = datetime(YEAR, 1, 1, tzinfo=zone) - timedelta(seconds=1)
    stop = datetime(YEAR + 1, 1, 1, tzinfo=zone)
    return list(takewhile(lambda at: at < stop, times(cadence, start)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", [time(0, 0), time(0, 30), time(1, 45), time(2, 30), time(9, 0)])
def test_a_daily_time_happens_once_a_day_all_year(zone: str, clock: time) -> None:
    found = year_of(cron(f"{clock.minute} {clock.hour} * * *", zone))
    assert found == [first_shown(day, clock, zone) for day in days()]


@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_of_an_hour_follows_real_time_all_year(zone: str) -> None:
    found = year_of(cron("*/15 * * * *", zone))
    assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=15)}
    assert len(found) == 365 * 96


@pytest.mark.parametrize("zone", ZONES)
def test_once_an_hour_never_happens_twice_in_one_wall_clock_hour_but_for_the_repeated_one(
    zone: str,
) -> None:
    found = year_of(cron("20 * * * *", zone))
    gaps = {b - a for a, b in pairwise(found)}
    # Half an hour's change moves the twentieth minute itself.
    assert gaps <= {timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=90)}
    assert all(at.astimezone(ZoneInfo(zone)).minute == 20 for at in found)


@pytest.mark.parametrize("expression", ["30 */2 * * *", "*/15 2 * * *", "0,30 0-3 * * *"])
@pytest.mark.parametrize("zone", ZONES)
def test_named_hours_never_repeat_in_autumn(zone: str, expression: str) -> None:
    walls = [
        at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in year_of(cron(expression, zone))
    ]
    assert len(walls) == len(set(walls))


def test_a_skipped_hour_happens_once_at_the_next_valid_time() -> None:
    found = [at for at in year_of(cron("0,30 2 * * *", "Europe/Berlin")) if at.month == 3]
    change = [at for at in found if at.day == 29]
    assert change == [datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]  # 03:00 in summer time


def test_between_the_two_showings_of_a_repeated_hour_nothing_is_due_again() -> None:
    daily = cron("30 2 * * *", "Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second_showing = first + timedelta(hours=1)
    for minutes in range(0, 180, 7):
        after = first + timedelta(minutes=minutes)
        assert next_times(daily, after, 1)[0] > second_showing


@given(
    st.integers(0, 364 * 24 * 60),
    st.sampled_from(ZONES),
    st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 * * 0", "15 1-3 * * *"]),
)
def test_times_come_after_and_ascend_from_wherever_one_begins(
    minutes: int, zone: str, expression: str
) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=17)
    found = next_times(cron(expression, zone), after, 8)
    assert all(a < b for a, b in pairwise((after, *found)))
    # Where one begins changes nothing.
    assert next_times(cron(expression, zone), found[3], 4) == found[4:]


@given(
    st.integers(0, 40_000), st.integers(1, 3000), st.sampled_from(["*/11 * * * *", "5 3 * * 1-5"])
)
def test_what_is_due_is_what_comes_between(start: int, length: int, expression: str) -> None:
    last = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    now = last + timedelta(minutes=length)
    cadence = cron(expression, "America/New_York")
    expected = tuple(takewhile(lambda at: at <= now, times(cadence, last)))
    assert due(cadence, last, now) == expected


def test_a_year_of_minutes_is_due_without_being_counted_out() -> None:
    last, now = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    for cadence in (cron("* * * * *", "UTC"), every(timedelta(minutes=1))):
        found = due(cadence, last, now)
        assert 0 < len(found) <= DUE_CAP
        assert now - found[-1] < timedelta(days=1)


def test_an_interval_counts_from_its_anchor_through_clock_changes() -> None:
    anchor = datetime(2026, 3, 28, 12, 5, tzinfo=UTC)
    cadence = every(timedelta(hours=12), "Europe/Berlin", anchor=anchor)
    found = next_times(cadence, anchor, 3)
    assert [at - anchor for at in found] == [timedelta(hours=h) for h in (12, 24, 36)]


def test_the_last_day_of_a_month_is_known() -> None:
    found = next_times(cron("0 8 L * *", "UTC"), datetime(2028, 2, 1, tzinfo=UTC), 1)
    assert found[0].date() == date(2028, 2, 29)


@pytest.mark.parametrize(
    "broken", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "a b c d e", "* * * * * *", "0 0 30 2 *"]
)
def test_what_is_no_cron_expression_is_refused_with_a_hint(broken: str) -> None:
    with pytest.raises(UserFacing) as caught:
        cron(broken, "UTC")
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", "Berlin", "../etc/passwd", "/etc/passwd", "Europe", "x\x00"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UserFacing):
        zone_of(name)


def test_a_cadence_survives_the_database() -> None:
    for cadence in (cron("0 9 * * 1", "Europe/Berlin"), every(timedelta(hours=2), "Asia/Kolkata")):
        assert from_json(as_json(cadence)) == cadence


@pytest.mark.parametrize("seconds", [0, 59, 367 * 86400])
def test_an_interval_has_bounds(seconds: int) -> None:
    with pytest.raises(UserFacing):
        every(timedelta(seconds=seconds))
