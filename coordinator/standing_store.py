"""Standing rules in Postgres: kept, listed, changed and lifted, each with the caller's commit.

Threat: text that is not the owner's becomes an order that stands in every prompt from then on. So
what the model's tool asks for is kept only when its telling words stand in what the owner wrote in
this turn, and no model can lift a rule or make one milder: only the owner's command or button does.
Every change is in the audit trail. The executor hosts read `hold` at each effect. What the owner
had approved and no task had used by then is approved no more: "until I say so" came later.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from coordinator.memory.trust import is_in_own_words, telling_words
from coordinator.packing import RULES_CAP
from coordinator.standing import (
    TEXT_CAP,
    TOO_LONG,
    Missed,
    Rule,
    fingerprint,
    hold_of,
    missed_in,
    orders_in,
    strictest,
)
from core.db import storable
from core.errors import UserFacing
from core.policy import Hold
from core.sql import load_queries
from core.tasks.seen import own_words

if TYPE_CHECKING:
    from collections.abc import Sequence
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
LINE_MORE = 40  # what `line_of` adds, in bytes, at most
BYTES_MOST = RULES_CAP - 1_200
BYTES_WITH_HOLDS = RULES_CAP
LIFT_ONE = "/rules lists them, /rules lift N makes room; then say it again."
FULL = UserFacing("There are as many standing rules already as I can keep.", LIFT_ONE)
TOO_LARGE = UserFacing("The standing rules are too long together.", LIFT_ONE)
NOT_THEIRS = (
    "It was not kept: a standing rule must be in the owner's own words of this turn. "
    "They can give it themselves: /rules add …"
)


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
            raise UserFacing(TOO_LONG)
        await self._make_sure_it_fits(session, wanted, hold)
        most = MOST if hold is Hold.NONE else MOST_WITH_HOLDS
        args = (wanted, fingerprint(wanted), str(hold), source, most)
        row = await session.fetchrow(SQL["add"], *args)
        if row is None:
            return await self._kept_before(session, wanted, hold), False
        rule = _rule(row)
        await self._note(session, "rule.kept", rule, source=source)
        return rule, True

    async def _make_sure_it_fits(self, session: Session, text: str, hold: Hold) -> None:
        """No rule is ever clipped in a prompt: together they have fewer bytes than its part."""
        rules = await self.in_force(session)
        if any(fingerprint(rule.text) == fingerprint(text) for rule in rules):
            return
        size = sum(len(one.encode()) + LINE_MORE for one in (*(r.text for r in rules), text))
        if size > (BYTES_MOST if hold is Hold.NONE else BYTES_WITH_HOLDS):
            raise TOO_LARGE

    async def _kept_before(self, session: Session, text: str, hold: Hold) -> Rule:
        row = await session.fetchrow(SQL["same"], fingerprint(text))
        if row is None:
            raise FULL
        rule = _rule(row)
        stricter = strictest((rule.hold, hold))
        return rule if stricter is rule.hold else await self._set(session, rule.no, stricter)

    async def heard(self, session: Session, chat_id: int, text: str) -> tuple[Rule, ...]:
        """Keeps the clear orders in the owner's own words and shows them; returns the new ones.

        What is not kept is told, too, with the reason.
        """
        own, kept = own_words(text), list[Rule]()
        missed = list(missed_in(own))
        for order in orders_in(own):
            try:
                rule, is_new = await self.keep(session, order.text, hold=order.hold, source="heard")
            except UserFacing as error:
                missed.append(Missed(text=order.text, why=error.sentence()))
                continue
            if is_new:
                kept.append(rule)
                await self._tell(session, chat_id, rule)
        await self._tell_missed(session, chat_id, missed)
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
        try:
            rule, is_new = await self.keep(session, text, hold=hold, source="model")
        except UserFacing as error:
            why = error.sentence()
            await self._tell_missed(session, work.chat_id, [Missed(text=text, why=why)])
            return f"It was not kept, and the owner was told: {why}", False
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

    async def _tell_missed(self, session: Session, chat_id: int, missed: Sequence[Missed]) -> None:
        if missed and self.teller is not None:
            await self.teller.tell_missed(session, chat_id, missed)

    async def _note(self, session: Session, kind: str, rule: Rule, **more: str) -> None:
        if kind != "rule.lifted" and rule.hold is not Hold.NONE:
            await session.execute(WITHDRAW_UNUSED, None)
        digest = sha256(rule.text.encode()).hexdigest()  # the trail keeps no words
        body = {"rule": rule.no, "hold": str(rule.hold), "sha256": digest, **more}
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
