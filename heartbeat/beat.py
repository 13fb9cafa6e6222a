"""One beat: looks at due checks, asks the cheap model about those with news, acts on the answers.

Crash semantics (the decisions are in `deciding`): first the call is counted and committed, then
the model is asked, then answers, notices, tasks and states are committed together. A kill before
the last commit said nothing and started nothing; the check is due again and the call has counted.
When nothing is due no port is called; when nothing changed the model is not. An answer that comes
after a stop leads to nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.pause import hold_pause
from heartbeat.clock import utc_now
from heartbeat.conditions import is_news
from heartbeat.deciding import (
    Caps,
    Load,
    Nothing,
    after_answer,
    after_beat,
    after_look,
    counted,
    first_state,
    what_is_due,
)
from heartbeat.looking import Looker
from heartbeat.ports import Notice, TaskOrder
from heartbeat.prompt import Finding, beat_prompt, is_untrusted
from heartbeat.today import Today

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from core.db import Database, Session
    from heartbeat.check_store import CheckStore
    from heartbeat.checks import Check, CheckState, Plan, Problem
    from heartbeat.deciding import Act, Due
    from heartbeat.looking import Look
    from heartbeat.ports import Asked, BeatPorts

STOPPED = "stopped: nothing came of it"


class Beat:
    """Beats. `plan` gives HEARTBEAT.md as it is now; `is_busy` tells of other work under way."""

    def __init__(  # noqa: PLR0913, RUF100 - a composition root fills this once
        self, database: Database, store: CheckStore, *, plan: Callable[[], Plan],
        ports: BeatPorts, root: Path, is_busy: Callable[[], bool] = lambda: False,
        caps: Caps | None = None, clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._plan = plan
        self._ports = ports
        self._today = Today(database)
        self._looker = Looker(store, root, run=ports.run, fetch=ports.fetch)
        self._is_busy = is_busy
        self._caps = caps or Caps()
        self._clock = clock

    async def look(self) -> None:
        """One beat. Cancelling leaves whole transactions only."""
        now, checks = self._clock(), self._plan().checks
        self._looker.forget_others(checks)
        if not checks:
            return
        states = await self._store.states()
        due = await self._due(checks, states, now)
        looks = await self._looker.look_all((*due.fresh, *due.checks))
        for check in due.fresh:
            if check.name in looks:
                await self._meet(check, looks[check.name], now)
        findings = [
            f for c in due.checks if c.name in looks
            and (f := await self._finding(c, looks[c.name], states[c.name], now=now))
        ]  # fmt: skip
        if findings:
            await self._ask(findings, now)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps checks from being looked at, as of the last beats."""
        return self._looker.problems

    async def close(self) -> None:
        """Ends looks that are under way."""
        await self._looker.close()

    async def run_check(self, name: str) -> bool:
        """The owner's `run`: asks about one check now, whatever its cadence. False: no such one."""
        now = self._clock()
        check = next((c for c in self._plan().checks if c.name.lower() == name.lower()), None)
        if check is None:
            return False
        if check.name not in await self._store.states():
            await self._meet(check, await self._looker.look(check), now)
        look = await self._with_day(check, await self._looker.look(check), now)
        await self._ask([Finding(check=check, look=look)], now)
        return True

    async def _due(
        self, checks: Sequence[Check], states: dict[str, CheckState], now: datetime
    ) -> Due:
        idle = what_is_due(checks, states, now=now, caps=self._caps, load=Load())
        if not idle.checks and not idle.fresh:
            return idle
        load = await self._store.spent(_day(now))
        load = replace(load, is_busy=self._is_busy())
        return what_is_due(checks, states, now=now, caps=self._caps, load=load)

    async def _meet(self, check: Check, look: Look, now: datetime) -> None:
        async with self._db.transaction() as session:
            await self._store.save(session, first_state(check, now, look=look.value))

    async def _finding(
        self, check: Check, look: Look, state: CheckState, *, now: datetime
    ) -> Finding | None:
        """What goes to the model about a check; without news it is only noted as looked at."""
        before = state.look if state.digest == check.digest else None
        if check.condition is None or is_news(check.condition, look.value, before):
            whole = await self._with_day(check, look, now)
            if whole.note or not check.with_today:
                return Finding(check=check, look=whole)
        async with self._db.transaction() as session:
            await self._store.change(
                session, check.name, lambda s: after_look(check, s, now, look=look.value)
            )
        return None

    async def _with_day(self, check: Check, look: Look, now: datetime) -> Look:
        """What was seen, and the day along with it where the check wants it."""
        day = await self._today.note(now, check.zone) if check.with_today else ""
        return replace(look, note="\n\n".join(part for part in (look.note, day) if part))

    async def _ask(self, findings: Sequence[Finding], now: datetime) -> None:
        names = [finding.check.name for finding in findings]
        async with self._db.transaction() as session:
            beat_id = await self._store.begin_beat(session, names, now=now, day=_day(now))
            for finding in findings:
                await self._store.change(
                    session, finding.check.name, partial(counted, finding.check, now=now)
                )
        prompt = beat_prompt(findings, now, nonce=secrets.token_hex(8))
        try:
            asked, failure = await self._ports.ask(prompt, names), ""
        except UserFacing as error:
            asked, failure = None, error.text
        async with self._db.transaction() as session:
            usd = asked.usd if asked else Decimal(0)
            if (await hold_pause(session)).stops(now):
                asked, failure = None, STOPPED
            outcome = failure or await self._act_all(session, findings, asked, now=now)
            await self._note(session, findings, now=now, asked=asked)
            await self._store.end_beat(session, beat_id, outcome, usd=usd)

    async def _act_all(
        self, session: Session, findings: Sequence[Finding], asked: Asked | None, *, now: datetime
    ) -> str:
        said = []
        for finding in findings:
            answer = asked.answers.get(finding.check.name, Nothing()) if asked else Nothing()
            recent = await self._store.recent_digests(session, finding.check.name)
            act = after_answer(finding.check, answer, recent=recent)
            if act.kind != "silent":
                taint = is_untrusted(findings)
                await self._carry_out(session, finding.check, act, now=now, taint=taint)
            said.append(f"{finding.check.name}: {act.kind}")
        return ", ".join(said)

    async def _carry_out(
        self, session: Session, check: Check, act: Act, *, now: datetime, taint: bool
    ) -> None:
        notice_id = await self._store.add_notice(
            session, check.name, digest=act.digest, text=act.text, now=now
        )
        if act.kind == "say":
            notice = Notice(text=act.text, name=check.name, id=notice_id, reason=act.why)
            await self._ports.say(session, notice)
            return
        order = TaskOrder(
            title=act.why, instructions=act.text, source="check", name=check.name,
            permissions=check.permissions, is_untrusted=taint,
        )  # fmt: skip
        no = await self._ports.queue(session, order)
        await self._store.mark_autonomous(session, no, source="check", name=check.name)

    async def _note(
        self, session: Session, findings: Sequence[Finding], *, now: datetime, asked: Asked | None
    ) -> None:
        """All were looked at. Without an answer the old look stays, so that news comes again."""
        usd = (asked.usd if asked else Decimal(0)) / len(findings)
        for finding in findings:
            look = finding.look.value if asked else None
            become = partial(after_beat, finding.check, now=now, look=look, usd=usd)
            await self._store.change(session, finding.check.name, become)


def _day(now: datetime) -> str:
    return now.date().isoformat()
