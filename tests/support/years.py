"""A year on real clocks, worked out minute by minute and without the code under test."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

# All of them turn their clocks twice a year, in both hemispheres, one by half an hour, two of them
# at midnight.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
)
YEAR = 2026
MINUTE = timedelta(minutes=1)


def first_shown(day: date, wall: time, zone: str) -> datetime:
    """The first minute at which the clock on the wall shows `wall` of `day`, or later."""
    target = datetime.combine(day, wall)
    info = ZoneInfo(zone)
    at = target.replace(tzinfo=UTC) - timedelta(hours=16)
    step = timedelta(minutes=30)
    while at.astimezone(info).replace(tzinfo=None) < target:
        at += step
    at -= step
    while at.astimezone(info).replace(tzinfo=None) < target:
        at += MINUTE
    return at


def days(year: int = YEAR) -> Iterator[date]:
    """Every day of the year."""
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)
