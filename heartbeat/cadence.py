"""When something happens again and again: cron expressions and intervals, in a zone. Pure.

A cron expression names times on the wall clock of its zone. cronsim walks that clock without a
zone; what a wall time means in the zone is decided here:

- a time that the spring change skips happens once, at the first moment after the gap;
- a time that the autumn change repeats happens once, the first time it shows;
- with `*` as its hour an expression follows elapsed time instead: every real hour, none twice.

An interval is elapsed time since its anchor and does not know about clocks. All results are aware
datetimes in UTC, strictly ascending.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
DUE_CAP = 1000
_TURN = timedelta(hours=3)  # no zone ever moved its clocks by more, but by whole days


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """A cron expression of five fields on the wall clock of `zone`."""

    expression: str
    zone: str = "UTC"


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """Elapsed time: at `anchor` and whole multiples of `every` after it. `zone` is for showing."""

    every: timedelta
    zone: str = "UTC"
    anchor: datetime = EPOCH


Cadence = Cron | Every


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; `UserFacing` when there is none."""
    try:
        return ZoneInfo(name or "-")
    except (KeyError, ValueError, OSError) as error:
        hint = "Use an IANA name, such as Europe/Berlin or America/New_York."
        raise UserFacing(f"There is no time zone called {name!r}.", hint) from error


def cron(expression: str, zone: str) -> Cron:
    """A cadence from five cron fields; `UserFacing` when it is none or never comes."""
    zone_of(zone)
    text = " ".join(expression.split())
    made = Cron(expression=text, zone=zone)
    hint = "Five fields: minute, hour, day of month, month, weekday. 0 9 * * 1 is Monday at 9."
    if len(text.split()) != 5:
        raise UserFacing(f"{text!r} is no cron expression: it has not five fields.", hint)
    try:
        next(CronSim(text, datetime(2024, 1, 1)))  # noqa: DTZ001 - a wall clock has no zone
    except (CronSimError, StopIteration, ValueError) as error:
        reason = str(error) or "it never comes"
        raise UserFacing(f"{text!r} is no cron expression: {reason}.", hint) from error
    return made


def every(length: timedelta, zone: str = "UTC", *, anchor: datetime = EPOCH) -> Every:
    """A cadence from an interval; `UserFacing` when it is under a minute or over a year."""
    zone_of(zone)
    if not SHORTEST <= length <= LONGEST:
        raise UserFacing(
            "An interval is between one minute and 366 days.", "Example: every 2 hours."
        )
    return Every(every=length, zone=zone, anchor=anchor)


def times(cadence: Cadence, after: datetime) -> Iterator[datetime]:
    """All times strictly after `after`, without end."""
    if isinstance(cadence, Cron):
        yield from _cron_times(cadence, after)
    elif isinstance(cadence, Every):
        at = cadence.anchor + ((after - cadence.anchor) // cadence.every + 1) * cadence.every
        while True:
            yield at.astimezone(UTC)
            at += cadence.every
    else:
        assert_never(cadence)


def next_times(cadence: Cadence, after: datetime, count: int = 3) -> tuple[datetime, ...]:
    """The next `count` times after `after`."""
    return tuple(islice(times(cadence, after), count))


def due(cadence: Cadence, last: datetime, now: datetime) -> tuple[datetime, ...]:
    """The times after `last` up to and including `now`.

    After a long pause of a lively cadence only some of them, at most `DUE_CAP`, newest last.
    """
    found = tuple(islice(takewhile(lambda at: at <= now, times(cadence, last)), DUE_CAP))
    if len(found) < DUE_CAP:
        return found
    width = (found[-1] - last) / 2
    newer = due(cadence, max(found[-1], now - width), now)
    return (*found[-1:], *newer)[-DUE_CAP:]


def as_json(cadence: Cadence) -> dict[str, str | int]:
    """What a `jsonb` column keeps."""
    if isinstance(cadence, Cron):
        return {"cron": cadence.expression, "zone": cadence.zone}
    seconds = int(cadence.every.total_seconds())
    return {"every_s": seconds, "zone": cadence.zone, "anchor": cadence.anchor.isoformat()}


def from_json(kept: Mapping[str, str | int]) -> Cadence:
    """The cadence that `as_json` wrote; checked again."""
    zone = str(kept["zone"])
    if "cron" in kept:
        return cron(str(kept["cron"]), zone)
    length = timedelta(seconds=int(kept["every_s"]))
    return every(length, zone, anchor=datetime.fromisoformat(str(kept["anchor"])))


def _cron_times(cadence: Cron, after: datetime) -> Iterator[datetime]:
    zone = zone_of(cadence.zone)
    is_elapsed = cadence.expression.split()[1] == "*"
    walls = CronSim(cadence.expression, _start(after, zone))
    found = _elapsed(walls, zone) if is_elapsed else (_first_showing(w, zone) for w in walls)
    last = after.astimezone(UTC)
    for at in found:
        if at > last:
            yield at
            last = at


def _start(after: datetime, zone: ZoneInfo) -> datetime:
    """The wall clock at `after`; earlier when the clocks turn nearby, so that nothing is missed."""
    around = {(after + d).astimezone(zone).utcoffset() for d in (-_TURN, _TURN)}
    margin = timedelta(0) if len(around) == 1 else 2 * _TURN
    return (after.astimezone(zone) - margin).replace(tzinfo=None, fold=0)


def _elapsed(walls: Iterator[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """Real time: repeated wall times happen twice, an hour apart; skipped ones do not exist."""
    for is_repeated, group in groupby(walls, lambda wall: _is_repeated(wall, zone)):
        if not is_repeated:
            yield from (_utc(w, zone) for w in group if not _is_skipped(w, zone))
            continue
        run = list(group)
        yield from (_utc(w, zone) for w in run)
        yield from (_utc(w, zone, fold=1) for w in run)


def _first_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    return _after_gap(wall, zone) if _is_skipped(wall, zone) else _utc(wall, zone)


def _utc(wall: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _is_repeated(wall: datetime, zone: ZoneInfo) -> bool:
    return _utc(wall, zone) < _utc(wall, zone, fold=1)


def _is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    # PEP 495: inside a gap, fold=0 counts with the offset before it and so lies later than fold=1.
    return _utc(wall, zone) > _utc(wall, zone, fold=1)


@lru_cache(maxsize=256)
def _after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after the gap that `wall` lies in."""
    low, high = _utc(wall, zone, fold=1), _utc(wall, zone)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        is_before = middle.astimezone(zone).utcoffset() == before
        low, high = (middle, high) if is_before else (low, middle)
    return high.replace(microsecond=0)
