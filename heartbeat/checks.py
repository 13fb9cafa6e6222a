"""What a check of HEARTBEAT.md is, once it is read. Pure values.

Threat: HEARTBEAT.md is text that others may get to suggest; a check acts without anybody asking. So
a check without `permissions` has none, every figure has a cap, and what is not understood is a
`Problem`, never a guess.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

from heartbeat.cadence import Every, as_json, zone_of
from heartbeat.conditions import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heartbeat.cadence import Cadence
    from heartbeat.conditions import Condition

DEFAULT_EVERY = timedelta(minutes=30)


class Importance(IntEnum):
    """`high` also speaks in quiet hours and beside other work; `low` waits for a quiet moment."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How often a check may ask the model a day, and for how many US dollars."""

    calls: int = 24
    usd: Decimal = Decimal("0.10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Quiet:
    """Hours of the wall clock in which a check keeps still; over midnight when start > end."""

    start: time
    end: time

    def holds(self, now: datetime, zone: str) -> bool:
        """Whether `now` lies in the quiet hours of `zone`; the end itself does not."""
        wall = now.astimezone(zone_of(zone)).time().replace(second=0, microsecond=0)
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One block of HEARTBEAT.md. `line` is where it begins.

    `with_today`: the model is given the day along, and is not asked while there is nothing in it.
    """

    name: str
    line: int
    instructions: str
    cadence: Cadence = field(default_factory=lambda: Every(every=DEFAULT_EVERY))
    zone: str = "UTC"
    quiet: Quiet | None = None
    importance: Importance = Importance.NORMAL
    budget: Budget = field(default_factory=Budget)
    condition: Condition | None = None
    with_today: bool = False
    permissions: Mapping[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when what the check does or may do changes; not with its line."""
        parts = {
            "instructions": self.instructions,
            "cadence": as_json(self.cadence),
            "condition": describe(self.condition) if self.condition else None,
            "permissions": self.permissions,
            **({"with": "today"} if self.with_today else {}),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def day(self, now: datetime) -> str:
        """The check's own day, for its budget: `2026-03-29`."""
        return now.astimezone(zone_of(self.zone)).date().isoformat()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckState:
    """What is remembered of a check between beats.

    `factor` stretches its cadence (1 as written); `look` is the last value of its condition.
    """

    name: str
    digest: str
    last_run: datetime
    look: str | None = None
    factor: float = 1.0
    muted_until: datetime | None = None
    calls_today: int = 0
    cost_today: Decimal = Decimal(0)
    day: str = ""
    is_paused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something in HEARTBEAT.md that was not understood. `line` counts from 1."""

    line: int
    key: str
    text: str
    hint: str
    check: str = ""

    def sentence(self) -> str:
        """One line for the owner."""
        where = f"HEARTBEAT.md line {self.line}" + (f", {self.check}" if self.check else "")
        return f"{where}: {self.key + ': ' if self.key else ''}{self.text} {self.hint}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A compiled HEARTBEAT.md: what can run, and what is wrong."""

    checks: tuple[Check, ...] = ()
    problems: tuple[Problem, ...] = ()


FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
