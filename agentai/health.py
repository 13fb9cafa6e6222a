"""When a part is left alone, killed, or started again: pure decisions, time is an argument.

A part that beats says `alive` twice a second from its event loop. Silence for five seconds means
that the loop is stuck, and then only a kill helps; nothing is lost by that. Times are seconds of
one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

SILENCE_S = 5.0
FIRST_BEAT_S = 60.0
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 60.0
BAD_SETTING = 2
LONGEST_LINE = 4096


class Verdict(StrEnum):
    """What the supervisor should do with a part now."""

    LEAVE = "leave"
    KILL = "kill"
    START = "start"
    GIVE_UP = "give up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """What is known about one part.

    `started_at` is None while it does not run; `last_alive` until its first beat. `exit_code` is
    that of the last run; `failures` counts runs that ended early, one after the other; `start_at`
    is when the next may begin.
    """

    started_at: float | None = None
    last_alive: float | None = None
    is_ready: bool = False
    exit_code: int | None = None
    failures: int = 0
    start_at: float = 0.0


def started(vitals: Vitals, now: float) -> Vitals:
    """The part runs since `now`."""
    return replace(vitals, started_at=now, last_alive=None, is_ready=False, exit_code=None)


def beaten(vitals: Vitals, now: float) -> Vitals:
    """The part said `alive` at `now`."""
    return replace(vitals, last_alive=now)


def ended(vitals: Vitals, now: float, *, code: int) -> Vitals:
    """The part's process ended at `now`; a long healthy run clears its record."""
    ran_s = now - vitals.started_at if vitals.started_at is not None else 0.0
    failures = 0 if ran_s >= HEALTHY_AFTER_S else vitals.failures
    return replace(
        vitals,
        started_at=None,
        last_alive=None,
        is_ready=False,
        exit_code=code,
        failures=failures + 1,
        start_at=now + delay_s(failures),
    )


def delay_s(failures: int) -> float:
    """How long to wait before the next start after `failures` earlier ones in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures, 30))


def judge(now: float, vitals: Vitals, *, beats: bool) -> Verdict:
    """What to do with a part; `beats` says whether it promised to report its life."""
    if vitals.started_at is None:
        if beats and vitals.exit_code == BAD_SETTING:
            return Verdict.GIVE_UP
        return Verdict.START if now >= vitals.start_at else Verdict.LEAVE
    if not beats:
        return Verdict.LEAVE
    if vitals.last_alive is None:
        return Verdict.KILL if now - vitals.started_at > FIRST_BEAT_S else Verdict.LEAVE
    return Verdict.KILL if now - vitals.last_alive > SILENCE_S else Verdict.LEAVE


class Word(StrEnum):
    """What a part may say on its pipe."""

    ALIVE = "alive"
    READY = "ready"
    SAY = "say"


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """One line from a part: `text` is free, shown to the operator."""

    word: Word
    text: str = ""


def read_beats(buffer: bytes) -> tuple[tuple[Beat, ...], bytes]:
    """The beats in `buffer` and its unfinished last line. Lines that are no beat are dropped."""
    *lines, rest = buffer.split(b"\n")
    beats = tuple(beat for beat in map(_read_beat, lines) if beat)
    return beats, rest if len(rest) <= LONGEST_LINE else b""


def _read_beat(line: bytes) -> Beat | None:
    name, _, text = line.decode("utf-8", "replace").partition(" ")
    if name not in {word.value for word in Word}:
        return None
    shown = "".join(c if c.isprintable() else " " for c in text)
    return Beat(word=Word(name), text=shown[:LONGEST_LINE])
