"""Standing rules in Postgres: kept, listed, changed and lifted, each with the caller's commit.

Threat: text that is not the owner's becomes an order that stands in every prompt from then on. So
what the model's tool asks for is kept only when its telling words stand in what the owner wrote in
this turn, and no model can lift a rule or make one milder: only the owner's command or button does.
Every change is in the audit trail. The executor hosts read `hold` at each effect. What the owner
had approved and no task had used by then is approved no more: "until I say so" came later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.memory.trust import is_in_own_words, telling_words
from coordinator.standing import TEXT_CAP, fingerprint, hold_of, orders_in, strictest
from core.db import storable
from core.errors import UserFacing
from core.policy import Hold
from core.sql import load_queries
from core.tasks.seen import own_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Literal

    from coordinator.ports import RuleTeller
    from coordinator.store import Work
    from core.audit import Audit
    from core.db import Database, Row, Session

    Source = Literal["heard", "model", "command"]

SQL = load_queries("coordinator", "standing.sql")
WITHDRAW_UNUSED = load_queries("core.approvals")["withdraw_unused"]
MOST = 20
MOST_WITH_HOLDS = 24  # an order that restrains is kept when there is no room for others
FULL = UserFacing(f"There are {MOST} standing rules already.", "/rules lifts one.")
NOT_THEIRS = (
    "It was not kept: a standing rule must be in the owner's own words of this turn. "
    "They can give it themselves: /rules add …"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One order in force."""

    no: int
    text: str
    hold: Hold
    created_at: datetime


class StandingRules:
    """The rules in force. `teller` shows the owner how one was understood, in the same commit."""

    teller: RuleTeller | None = None

    def __init__(self, database: Database, audit: Audit) -> None:
        self._db = database
        self._audit = audit

    async def in_force(self, session: Session | None = None) -> tuple[Rule, ...]:
        """All of them, oldest first."""
        return tuple(_rule(row) for row in await (session or self._db).fetch(SQL["in_force"]))

    async def keep(
        self, session: Session, text: str, *, hold: Hold, source: Source
    ) -> tuple[Rule, bool]:
        """The rule, and whether it is new. `UserFacing` when it is too long or there are many."""
        wanted = storable(" ".join(text.split()))
        if not fingerprint(wanted):
            raise UserFacing("Say what the rule is: /rules add always answer in German")
        if len(wanted) > TEXT_CAP:
            raise UserFacing(f"A rule may have {TEXT_CAP} characters at most.")
        most = MOST if hold is Hold.NONE else MOST_WITH_HOLDS
        args = (wanted, fingerprint(wanted), str(hold), source, most)
        row = await session.fetchrow(SQL["add"], *args)
        if row is None:
            return await self._kept_before(session, wanted, hold), False
        rule = _rule(row)
        await self._note(session, "rule.kept", rule, source=source)
        return rule, True

    async def _kept_before(self, session: Session, text: str, hold: Hold) -> Rule:
        row = await session.fetchrow(SQL["same"], fingerprint(text))
        if row is None:
            raise FULL
        rule = _rule(row)
        stricter = strictest((rule.hold, hold))
        return rule if stricter is rule.hold else await self._set(session, rule.no, stricter)

    async def heard(self, session: Session, chat_id: int, text: str) -> tuple[Rule, ...]:
        """Keeps the clear orders in the owner's own words and shows them; returns the new ones."""
        kept: list[Rule] = []
        for order in orders_in(own_words(text)):
            try:
                rule, is_new = await self.keep(session, order.text, hold=order.hold, source="heard")
            except UserFacing:
                continue  # full: the owner has that many rules in force, and sees them in /rules
            if is_new:
                kept.append(rule)
                await self._tell(session, chat_id, rule)
        return tuple(kept)

    async def from_model(
        self, session: Session, work: Work, text: str, *, restrains: bool
    ) -> tuple[str, bool]:
        """What the model's tool is told, and whether effects are held back from now on."""
        rows = await session.fetch(SQL["own_messages"], [said.id for said in work.messages])
        if not is_in_own_words(text, [own_words(row["text"]) for row in rows]):
            return NOT_THEIRS, False
        hold = strictest((hold_of(text), Hold.ASK if restrains else Hold.NONE))
        if (known := _alike(text, await self.in_force(session))) is not None:
            return await self._already(session, known, hold)
        rule, is_new = await self.keep(session, text, hold=hold, source="model")
        if is_new:
            await self._tell(session, work.chat_id, rule)
        return f"It stands as rule {rule.no}: {meaning(rule.hold)}", hold is not Hold.NONE

    async def _already(self, session: Session, known: Rule, hold: Hold) -> tuple[str, bool]:
        stricter = strictest((known.hold, hold))
        if stricter is not known.hold:
            known = await self._set(session, known.no, stricter)
        return f"It stands already as rule {known.no}: {meaning(known.hold)}", True

    async def lift(self, session: Session, numbers: Sequence[int]) -> tuple[Rule, ...]:
        """Takes rules back; returns those that were in force."""
        lifted = tuple(_rule(row) for row in await session.fetch(SQL["lift"], list(numbers)))
        for rule in lifted:
            await self._note(session, "rule.lifted", rule)
        return lifted

    async def set_hold(self, session: Session, no: int, hold: Hold) -> Rule | None:
        """What the owner wants a rule to do to effects; None when it is not in force."""
        if not any(rule.no == no for rule in await self.in_force(session)):
            return None
        return await self._set(session, no, hold)

    async def _set(self, session: Session, no: int, hold: Hold) -> Rule:
        row = await session.fetchrow(SQL["set_hold"], no, str(hold))
        assert row is not None  # noqa: S101 - the caller saw it in this transaction
        rule = _rule(row)
        await self._note(session, "rule.changed", rule)
        return rule

    async def _tell(self, session: Session, chat_id: int, rule: Rule) -> None:
        if self.teller is not None:
            await self.teller.tell(session, chat_id, rule)

    async def _note(self, session: Session, kind: str, rule: Rule, **more: str) -> None:
        if kind != "rule.lifted" and rule.hold is not Hold.NONE:
            await session.execute(WITHDRAW_UNUSED, None)
        body = {"rule": rule.no, "hold": str(rule.hold), "text": rule.text, **more}
        await self._audit.append(session, kind, body)


def meaning(hold: Hold) -> str:
    """How a rule is understood, in one sentence for the owner."""
    match hold:
        case Hold.NONE:
            return "I will keep to it in every answer; it holds no task back."
        case Hold.ASK:
            return "I will ask you before anything is sent, changed or deleted, until you lift it."
        case Hold.DENY:
            return "Nothing is sent, changed or deleted by any task until you lift it."


def line_of(rule: Rule) -> str:
    """A rule in one line of the prompt."""
    notes = {Hold.NONE: "", Hold.ASK: " (each effect asks)", Hold.DENY: " (effects are refused)"}
    return f"{rule.no}. {rule.text}{notes[rule.hold]}"


def _alike(text: str, rules: Sequence[Rule]) -> Rule | None:
    """The newest rule that says it already: the model tells in other words what was heard."""
    telling = telling_words(text)
    for rule in reversed(rules):
        known = telling_words(rule.text)
        if telling and known and (telling <= known or known <= telling):
            return rule
    return None


def _rule(row: Row) -> Rule:
    return Rule(
        no=row["no"], text=row["text"], hold=Hold(row["hold"]), created_at=row["created_at"]
    )
