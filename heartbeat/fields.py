"""The keys of a check's block, one reader a key. Pure; each raises `UserFacing` with a hint."""

from __future__ import annotations

import json
import re
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypedDict

from core.errors import UserFacing
from heartbeat.cadence import zone_of
from heartbeat.checks import Budget, Importance, Quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heartbeat.cadence import Cadence
    from heartbeat.conditions import Condition

KEYS = ("every", "quiet", "zone", "importance", "budget", "when", "with", "permissions")
MOST_CALLS = 500
MOST_USD = Decimal(10)
_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(?:-|–|to)\s*(\d{1,2})(?::(\d{2}))?")  # noqa: RUF001
_CALLS = re.compile(r"(\d{1,6})\s*calls?(?:\s*(?:a|per|/)\s*day)?")
_USD = re.compile(r"(?:\$|usd\s*)(\d+(?:\.\d+)?)(?:\s*(?:a|per|/)\s*day)?")


class Fields(TypedDict, total=False):
    """What a block's keys say, read."""

    cadence: Cadence
    quiet: Quiet | None
    zone: str
    importance: Importance
    budget: Budget
    condition: Condition
    with_today: bool
    permissions: Mapping[str, object]


def read_zone(text: str) -> str:
    """An IANA zone."""
    zone_of(text)
    return text


def read_quiet(text: str) -> Quiet | None:
    """`22:00-07:00`, or `none`."""
    if text.lower() in {"none", "never", "off"}:
        return None
    found = _HOURS.fullmatch(text.lower())
    hint = "Example: quiet: 22:00-07:00"
    if found is None:
        raise UserFacing(f"{text[:40]!r} are no hours.", hint)
    try:
        start = time(int(found[1]), int(found[2] or 0))
        end = time(int(found[3]), int(found[4] or 0))
    except ValueError as error:
        raise UserFacing(f"{text[:40]!r} are no hours.", hint) from error
    return Quiet(start=start, end=end)


def read_importance(text: str) -> Importance:
    """`low`, `normal` or `high`."""
    try:
        return Importance[text.upper()]
    except KeyError:
        raise UserFacing(f"{text[:40]!r} is no importance.", "Use low, normal or high.") from None


def read_with(text: str) -> bool:
    """`today`: the day's tasks, what waits for the owner, and today's schedules."""
    if text.lower() != "today":
        raise UserFacing(f"{text[:40]!r} cannot be given along.", "There is only: with: today")
    return True


def read_budget(text: str) -> Budget:
    """`3 calls a day, $0.10`: either part may be missing."""
    calls, usd = Budget().calls, Budget().usd
    for part in (p.strip().lower() for p in text.split(",")):
        if found := _CALLS.fullmatch(part):
            calls = int(found[1])
        elif found := _USD.fullmatch(part):
            usd = _money(found[1])
        else:
            raise UserFacing(f"{part[:40]!r} is no budget.", "Example: 3 calls a day, $0.10")
    if not 1 <= calls <= MOST_CALLS or not 0 < usd <= MOST_USD:
        hint = f"1 to {MOST_CALLS} calls and up to ${MOST_USD} a day."
        raise UserFacing("That budget is out of bounds.", hint)
    return Budget(calls=calls, usd=usd)


def read_permissions(text: str) -> Mapping[str, object]:
    """A YAML mapping as in a skill's manifest; what it may hold is judged where it is granted."""
    import yaml  # noqa: PLC0415, RUF100 - only files with this key pay for it

    hint = "A mapping as in a skill, such as {network: [example.org]}."
    try:
        found = yaml.safe_load(text)
        json.dumps(found)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise UserFacing("That is no YAML mapping of plain values.", hint) from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserFacing("Permissions are a mapping.", hint)
    return found


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:  # pragma: no cover - the pattern admits digits only
        raise UserFacing(f"{text[:20]!r} is no sum.", "Example: $0.10") from error
