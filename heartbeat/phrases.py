"""Cadences in plain words: read from the owner's text, and said back to the owner. Pure.

Reads `every 2 hours`, `30m`, `hourly`, `daily at 7`, `weekdays at 18:30`, `every Monday at 9`,
`every Monday and Thursday at 9:15 pm`, `on the 1st at 08:00`, `monthly at noon`, and cron's five
fields. A day without a time means 09:00. Anything else is refused with examples: a guess would run
at a time that nobody meant.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import UserFacing
from heartbeat.cadence import EPOCH, Cron, cron, every

if TYPE_CHECKING:
    from datetime import datetime

    from heartbeat.cadence import Cadence

DEFAULT_TIME = (9, 0)
HINT = (
    "Examples: every 2 hours · hourly · daily at 7 · weekdays at 18:30 · every Monday at 9 · "
    "on the 1st at 08:00 · or cron: 0 9 * * 1"
)
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "twelve": 12}
_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
_COUNT = rf"(\d{{1,6}}|{'|'.join(_WORDS)})"
_INTERVAL = re.compile(rf"(?:every\s+)?{_COUNT}\s*{_UNIT}|every\s+()(minute|hour)")
_TIME = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?(?:\s*(?:o'?clock|uhr))?")
_NAMED_TIMES = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
_ORDINALS = re.compile(
    r"(?:(?:on|every)\s+)?the\s+(\d{1,2})(?:st|nd|rd|th)?(?:\s+of\s+(?:the|every|each)\s+month)?"
    r"|every\s+(\d{1,2})(?:st|nd|rd|th)"
)
_LAST_DAY = re.compile(r"(?:on\s+|every\s+)?(?:the\s+)?last day(?:\s+of\s+(?:the|every)\s+month)?")
_GROUPS = {
    "day": "*", "daily": "*", "every day": "*", "each day": "*", "weekdays": "1-5",
    "every weekday": "1-5", "on weekdays": "1-5", "weekends": "0,6", "every weekend": "0,6",
    "on weekends": "0,6", "every morning": "*",
}  # fmt: skip


def read_cadence(text: str, zone: str = "UTC", *, anchor: datetime = EPOCH) -> Cadence:
    """The cadence that `text` names; `UserFacing` with examples when it names none."""
    said = " ".join(text.lower().replace(",", " , ").split()).strip(" .,")
    if re.fullmatch(r"[\d*/,\-#l]+(\s+[\w*/,\-#]+){4}", " ".join(text.lower().split())):
        return cron(text, zone)
    if said in {"hourly", "every hour"}:
        return cron("0 * * * *", zone)
    if interval := _INTERVAL.fullmatch(said):
        return every(_length(interval), zone, anchor=anchor)
    days, _, time = said.partition(" at ")
    minute_hour = _minute_hour(time or None, text)
    return cron(f"{minute_hour} {_day_fields(days.strip(), text)}", zone)


def describe(cadence: Cadence) -> str:
    """The cadence in plain words: `every Monday at 09:00 (Europe/Berlin)`."""
    if isinstance(cadence, Cron):
        return f"{_cron_words(cadence.expression)} ({cadence.zone})"
    return f"every {length_words(cadence.every)}"


def length_words(length: timedelta) -> str:
    """A duration in its largest whole unit: `2 hours`."""
    seconds = int(length.total_seconds())
    for name, size in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return name if count == 1 else f"{count} {name}s"
    return f"{seconds} seconds"


def _refused(text: str) -> UserFacing:
    return UserFacing(f"I do not understand {text.strip()[:80]!r} as a time that repeats.", HINT)


def _length(found: re.Match[str]) -> timedelta:
    count, unit = found[1] or "1", found[2] or found[4]
    number = _WORDS.get(count) or int(count)
    return timedelta(seconds=number * _UNITS[unit[0]])


def _minute_hour(time: str | None, text: str) -> str:
    hour, minute = DEFAULT_TIME if time is None else _clock(time.strip(), text)
    return f"{minute} {hour}"


def _clock(time: str, text: str) -> tuple[int, int]:
    if time in _NAMED_TIMES:
        return _NAMED_TIMES[time]
    found = _TIME.fullmatch(time)
    if found is None:
        raise _refused(text)
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            raise _refused(text)
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    if hour > 23 or minute > 59:
        raise _refused(text)
    return hour, minute


def _day_fields(days: str, text: str) -> str:
    """Day of month, month and weekday as cron has them."""
    if days in _GROUPS:
        return f"* * {_GROUPS[days]}"
    if days == "monthly":
        return "1 * *"
    if days == "weekly":
        return "* * 1"
    if _LAST_DAY.fullmatch(days):
        return "L * *"
    if found := _ORDINALS.fullmatch(days):
        number = int(found[1] or found[2])
        if 1 <= number <= 31:
            return f"{number} * *"
        raise _refused(text)
    return f"* * {_weekdays(days, text)}"


def _weekdays(days: str, text: str) -> str:
    names = [n for n in re.split(r"\s+and\s+|\s*,\s*(?:and\s+)?|\s+", days) if n]
    if names and names[0] in {"every", "each", "on"}:
        names = names[1:]
    numbers = {_weekday(name) for name in names}
    if not numbers or None in numbers:
        raise _refused(text)
    return ",".join(str(n) for n in sorted(n for n in numbers if n is not None))


def _weekday(name: str) -> int | None:
    known = [day.lower() for day in DAYS]
    stem = name.removesuffix("s") if len(name) > 4 else name
    stem = {"tues": "tue", "thur": "thu", "thurs": "thu", "wedne": "wed"}.get(stem, stem)
    hits = [n for n, day in enumerate(known) if stem == day or (len(stem) == 3 and stem == day[:3])]
    return hits[0] if hits else None


def _cron_words(expression: str) -> str:
    minute, hour, day, month, weekday = expression.split()
    if not minute.isdigit() or month != "*":
        return f"cron {expression}"
    if hour == "*" and day == weekday == "*":
        return "every hour" if int(minute) == 0 else f"every hour at minute {int(minute)}"
    days = _days_words(day, weekday)
    if not hour.isdigit() or days is None:
        return f"cron {expression}"
    return f"{days} at {int(hour):02}:{int(minute):02}"


def _days_words(day: str, weekday: str) -> str | None:
    if weekday == "*":
        if day == "*":
            return "every day"
        if day.upper() == "L":
            return "on the last day of every month"
        return f"on the {_ordinal(int(day))} of every month" if day.isdigit() else None
    if day != "*":
        return None
    if weekday in {"1-5", "0,6"}:
        return "on weekdays" if weekday == "1-5" else "on weekends"
    if not re.fullmatch(r"[0-7](,[0-7])*", weekday):
        return None
    names = [DAYS[int(n) % 7] for n in weekday.split(",")]
    return "every " + (" and ".join(names) if len(names) < 3 else ", ".join(names))


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
