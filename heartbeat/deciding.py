"""Which checks are due, and what happens to their answers. Pure.

Threat: a beat that nobody started costs money, tires its owner, or feeds itself. So it waits while
other work runs, keeps quiet hours, counts calls and money against the check's budget and the day's
caps *before* it asks, never says the same twice, and does not see what its own tasks did.

Crash semantics: a beat's call is counted before it is made; the answers, the notices, the queued
tasks and `last_run` are written in one transaction. Killed in between, a check is due again and
nothing was said.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, assert_never

from heartbeat.cadence import Every, times
from heartbeat.checks import FOREVER, CheckState, Importance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from heartbeat.checks import Check

Feedback = Literal["useful", "not_now", "never"]
REMEMBERED_NOTICES = 20
SLOWEST = 8.0
NOT_NOW_FOR = timedelta(hours=4)
NOTICE_CAP = 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """What all checks together may spend a day. `per_beat` bounds one prompt."""

    calls: int = 100
    usd: Decimal = Decimal("0.50")
    per_beat: int = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How things stand: all paused, other work under way, and what beats have spent today."""

    is_paused: bool = False
    is_busy: bool = False
    calls_today: int = 0
    cost_today: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What to do in this beat. `fresh` checks are seen for the first time: only a baseline."""

    checks: tuple[Check, ...] = ()
    fresh: tuple[Check, ...] = ()
    is_capped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """The model has nothing to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notify:
    """The model wants to tell the owner something."""

    text: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """The model wants a task done."""

    title: str
    instructions: str


Answer = Nothing | Notify | Start


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """What comes of an answer. `kind` is `silent` when nothing leaves; `digest` marks the rest."""

    kind: Literal["silent", "say", "start"]
    digest: str = ""
    text: str = ""
    why: str = ""


def what_is_due(
    checks: Sequence[Check], states: Mapping[str, CheckState], *, now: datetime, caps: Caps,
    load: Load,
) -> Due:  # fmt: skip
    """The checks to look at now, most important first; none while everything is paused."""
    if load.is_paused:
        return Due()
    known = [check for check in checks if check.name in states]
    fresh = tuple(check for check in checks if check.name not in states)
    ready = [c for c in known if _is_ready(c, today(c, states[c.name], now), now=now, load=load)]
    if load.calls_today >= caps.calls or load.cost_today >= caps.usd:
        return Due(fresh=fresh, is_capped=bool(ready))
    ready.sort(key=lambda c: (-c.importance, states[c.name].last_run))
    return Due(checks=tuple(ready[: caps.per_beat]), fresh=fresh)


def _is_ready(check: Check, state: CheckState, *, now: datetime, load: Load) -> bool:
    if state.is_paused or (state.muted_until is not None and now < state.muted_until):
        return False
    is_quiet = check.quiet is not None and check.quiet.holds(now, check.zone)
    if check.importance is not Importance.HIGH and (load.is_busy or is_quiet):
        return False
    if state.calls_today >= check.budget.calls or state.cost_today >= check.budget.usd:
        return False
    return next_look(check, state) <= now


def next_look(check: Check, state: CheckState) -> datetime:
    """When a check is due again: its cadence, stretched by what the owner said about it."""
    if isinstance(check.cadence, Every):
        return state.last_run + check.cadence.every * state.factor
    upcoming = times(check.cadence, state.last_run)
    first = next(upcoming)
    if state.factor <= 1:
        return first
    # A stretched cron cadence keeps its times of day and leaves some of them out.
    second = next(upcoming)
    earliest = first + (second - first) * (state.factor - 1)
    return next(times(check.cadence, earliest - timedelta(seconds=1)))


def today(check: Check, state: CheckState, now: datetime) -> CheckState:
    """The state with the counters of this day: they begin anew at the check's midnight."""
    day = check.day(now)
    if state.day == day:
        return state
    return replace(state, day=day, calls_today=0, cost_today=Decimal(0))


def first_state(check: Check, now: datetime, *, look: str | None = None) -> CheckState:
    """A check seen for the first time: nothing has happened before now."""
    return CheckState(
        name=check.name, digest=check.digest, last_run=now, look=look, day=check.day(now)
    )


def after_look(check: Check, state: CheckState, now: datetime, *, look: str | None) -> CheckState:
    """A check that was looked at; a look that failed keeps the one before."""
    kept = state.look if look is None else look
    return replace(today(check, state, now), last_run=now, look=kept, digest=check.digest)


def counted(check: Check, state: CheckState, now: datetime) -> CheckState:
    """A call is about to be made: it counts from here on, whatever comes of it."""
    fresh = today(check, state, now)
    return replace(fresh, calls_today=fresh.calls_today + 1)


def after_beat(
    check: Check, state: CheckState, now: datetime, *, look: str | None, usd: Decimal
) -> CheckState:
    """A check that the model was asked about, and its share of what that cost."""
    seen = after_look(check, state, now, look=look)
    return replace(seen, cost_today=seen.cost_today + usd)


def after_answer(check: Check, answer: Answer, *, recent: Collection[str]) -> Act:
    """What comes of the model's answer. `recent` are digests of the check's last notices."""
    if isinstance(answer, Nothing):
        return Act(kind="silent", why="nothing")
    if isinstance(answer, Notify):
        text = answer.text.strip()[:NOTICE_CAP]
        mark = digest_of(text)
        if not text or mark in recent:
            return Act(kind="silent", digest=mark, why="said before" if text else "nothing")
        return Act(kind="say", digest=mark, text=text, why=answer.reason.strip()[:300])
    if isinstance(answer, Start):
        mark = digest_of(f"task {answer.title} {answer.instructions}")
        if not answer.instructions.strip() or mark in recent:
            return Act(kind="silent", digest=mark, why="started before")
        title = answer.title.strip()[:80] or check.name
        return Act(kind="start", digest=mark, text=answer.instructions.strip(), why=title)
    assert_never(answer)


def digest_of(text: str) -> str:
    """The same for texts that say the same: case, spacing, punctuation and clock times aside."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"\b\d{1,2}:\d{2}(?::\d{2})?\b", " ", plain)
    words = re.findall(r"\w+", plain) or [plain.strip()]
    return hashlib.sha256(" ".join(words).encode("utf-8", "replace")).hexdigest()


def after_feedback(state: CheckState, feedback: Feedback, now: datetime) -> CheckState:
    """What the owner's button changes: cadence back to normal, slower, or mute."""
    if feedback == "useful":
        return replace(state, factor=max(1.0, state.factor / 2), muted_until=None)
    if feedback == "not_now":
        until = now + NOT_NOW_FOR
        return replace(state, factor=min(SLOWEST, state.factor * 2), muted_until=until)
    if feedback == "never":
        return replace(state, muted_until=FOREVER)
    assert_never(feedback)
