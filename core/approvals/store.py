"""Approvals in Postgres: asked, decided, used up once.

Every method raises `Retryable` while Postgres is away; cancelling rolls back. Times are the
database's: one clock for all hosts.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from core.approvals.states import Refusal, judge
from core.approvals.types import (
    Approval,
    ApprovedAction,
    Choice,
    Remember,
    State,
    StoredGrant,
    Ticket,
)
from core.db import storable
from core.errors import Denied
from core.policy import canonical
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.approvals.ledger import Ledger
    from core.approvals.types import Ask, Given
    from core.audit import Audit
    from core.db import Database, Row, Session
    from core.policy.action import Json

SQL = load_queries(__package__ or "core.approvals")
USE_WITHIN_S = 900.0
CODE_CHARS = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that look like digits


class Approvals:
    """All reads and writes of approvals and of what the owner allowed beyond one action."""

    def __init__(self, database: Database, audit: Audit, ledger: Ledger | None = None) -> None:
        self._db = database
        self._audit = audit
        self._ledger = ledger

    # --- asking ---

    async def request(
        self, task_no: int, asks: Sequence[Ask], *, reason: str, detail: str, expires_s: float,
        is_production: bool = False, may_remember: bool = False,
    ) -> Approval:  # fmt: skip
        """A card about `asks`, or the pending one that is about exactly the same.

        `Denied` when the task has ended or is being stopped.
        """
        async with self._db.transaction() as session:
            digests = [ask.action.digest for ask in asks]
            found = await session.fetchval(SQL["same_pending"], task_no, digests)
            if found is None:
                found = await session.fetchval(
                    SQL["add"], secrets.token_urlsafe(16), new_code(), task_no, reason,
                    storable(detail)[:500], is_production, may_remember, expires_s,
                )  # fmt: skip
                if found is None:
                    raise Denied("stopped", "the task has ended")
                await self._add_actions(session, found, asks)
                body = {"approval": found, "task": task_no, "actions": digests, "reason": reason}
                await self._audit.append(session, "approval.asked", body)
            return await self._get(session, "where id = $1", found)

    @staticmethod
    async def _add_actions(session: Session, approval_id: int, asks: Sequence[Ask]) -> None:
        for index, ask in enumerate(asks):
            remember = [{"kind": r.kind, "rule": dict(r.rule)} for r in ask.remember]
            await session.execute(
                SQL["add_action"], approval_id, index, ask.action.digest,
                canonical(ask.action.as_json()), storable(ask.display), remember,
            )  # fmt: skip

    async def _get(self, session: Session, where: str, *args: object) -> Approval:
        row = await session.fetchrow(f"{SQL['one']} {where}", *args)
        if row is None:
            raise Denied("unknown", "there is no such approval")
        actions = await session.fetch(SQL["actions"], row["id"])
        return as_approval(row, actions)

    # --- deciding ---

    async def get(self, approval_id: int, *, session: Session | None = None) -> Approval | None:
        """One approval, or None."""
        return await self._found(session, "where id = $1", approval_id)

    async def by_nonce(self, session: Session, nonce: str) -> Approval | None:
        """The approval that a button belongs to."""
        return await self._found(session, "where nonce = $1", nonce)

    async def _found(self, session: Session | None, where: str, arg: object) -> Approval | None:
        try:
            return await self._get(session or self._db, where, arg)
        except Denied:
            return None

    async def pending(self) -> tuple[Approval, ...]:
        """Everything that waits for the owner, oldest first."""
        rows = await self._db.fetch(f"{SQL['one']} where state = 'pending' order by id")
        return tuple([await self._get(self._db, "where id = $1", row["id"]) for row in rows])

    async def pending_for(self, task_no: int, digests: Sequence[str]) -> Approval | None:
        """The card that waits for exactly these actions in this order: asking again is no new one.

        None when there is none, or its time is over.
        """
        found = await self._db.fetchval(SQL["same_pending"], task_no, list(digests))
        return None if found is None else await self.get(found)

    async def decide(
        self, session: Session, approval: Approval, given: Given, *, owner_id: int | None,
        card_id: int | None,
    ) -> Refusal | None:  # fmt: skip
        """Takes the decision inside the caller's transaction; says why it does not count."""
        now = await session.fetchval(SQL["now"])
        refusal = judge(approval, given, owner_id=owner_id, card_id=card_id, now=now)
        if refusal is not None:
            return refusal
        is_yes = given.choice is not Choice.DENY
        state = State.APPROVED if is_yes else State.DENIED
        scope = given.choice.value if is_yes else None
        taken = await session.fetchval(
            SQL["decide"], approval.id, state, scope, given.user_id, given.via
        )
        if taken is None:  # another decision, or the clock, was faster
            return Refusal.DECIDED
        if given.choice in {Choice.TASK, Choice.ALWAYS} or (is_yes and approval.is_access):
            await self._remember(session, approval, given.choice)
        body = {"approval": approval.id, "task": approval.task_no, "scope": scope, "via": given.via}
        await self._audit.append(session, f"approval.{state}", body)
        return None

    @staticmethod
    async def _remember(session: Session, approval: Approval, choice: Choice) -> None:
        task_no = None if choice is Choice.ALWAYS else approval.task_no
        for one in (r for action in approval.actions for r in action.remember):
            await session.execute(
                SQL["remember"], task_no, approval.task_no, one.kind, dict(one.rule), approval.id
            )

    async def expire(self) -> tuple[int, ...]:
        """Ends what nobody decided in time, and what ended tasks still ask; returns the tasks."""
        async with self._db.transaction() as session:
            await self._end_all(session, "abandon", "approval.withdrawn")
            return await self._end_all(session, "expire", "approval.expired")

    async def withdraw(self, task_no: int | None) -> tuple[int, ...]:
        """Ends what a task (or, with None, any task) still asks, and unused approvals of it."""
        async with self._db.transaction() as session:
            return await self.withdraw_in(session, task_no)

    async def withdraw_in(self, session: Session, task_no: int | None) -> tuple[int, ...]:
        """The same inside the caller's transaction."""
        await session.execute(SQL["withdraw_unused"], task_no)
        return await self._end_all(session, "withdraw", "approval.withdrawn", task_no)

    async def _end_all(
        self, session: Session, query: str, kind: str, *args: object
    ) -> tuple[int, ...]:
        rows = await session.fetch(SQL[query], *args)
        if rows:
            ids = [row["id"] for row in rows]
            await self._audit.append(session, kind, {"approvals": ids})
        return tuple(row["task_no"] for row in rows)

    # --- using ---

    async def approved(self, task_no: int) -> frozenset[str]:
        """Digests of actions that the owner approved and that were not used yet."""
        rows = await self._db.fetch(SQL["approved"], task_no, USE_WITHIN_S)
        return frozenset(row["digest"] for row in rows)

    async def consume(self, task_no: int, fence: int, digest: str) -> Ticket | None:
        """Uses up an approval of exactly this action, with the intent in the audit trail.

        None when there is none, it is too old, was used, or the task is not ours any more. After a
        `kill -9` the ticket counts as used: the effect is reported as unknown, never repeated.
        """
        async with self._db.transaction() as session:
            row = await session.fetchrow(SQL["consume"], task_no, digest, USE_WITHIN_S, fence)
            if row is None:
                return None
            ticket = Ticket(approval_id=row["approval_id"], index=row["index"], digest=digest)
            body = {"task": task_no, "approval": ticket.approval_id, "action": digest}
            await self._audit.append(session, "effect.intent", body)
        if self._ledger is not None:
            name = f"{ticket.approval_id}.{ticket.index}.{digest}"
            if not await asyncio.to_thread(self._ledger.use, name):
                await self.close(ticket, "replayed")  # it ran before: nothing is in doubt here
                return None
        return ticket

    async def close(self, ticket: Ticket, outcome: str) -> None:
        """Reports how the effect ended."""
        async with self._db.transaction() as session:
            await session.execute(SQL["close"], ticket.approval_id, ticket.index, outcome)
            body = {"approval": ticket.approval_id, "action": ticket.digest, "outcome": outcome}
            await self._audit.append(session, "effect.outcome", body)

    async def in_doubt(self, task_no: int) -> tuple[Ticket, ...]:
        """Effects of a task that began and whose end nobody reported."""
        rows = await self._db.fetch(SQL["in_doubt"], task_no)
        return tuple(
            Ticket(approval_id=r["approval_id"], index=r["index"], digest=r["digest"]) for r in rows
        )

    async def cards(self, task_no: int) -> int:
        """How often a task has asked."""
        return int(await self._db.fetchval(SQL["cards"], task_no))

    # --- what the chat shows ---

    async def to_show(self) -> tuple[Approval, ...]:
        """Cards that look different from how they should."""
        rows = await self._db.fetch(SQL["to_show"])
        return tuple([await self._get(self._db, "where id = $1", row["id"]) for row in rows])

    async def set_shown(self, session: Session, approval_id: int, state: str) -> None:
        """Remembers in which state the card is shown."""
        await session.execute(SQL["set_shown"], approval_id, state)

    # --- what is allowed beyond one action ---

    async def grants(self, task_no: int) -> tuple[StoredGrant, ...]:
        """What counts for a task: its own, and what is allowed for good to all or to its skill."""
        return _as_grants(await self._db.fetch(SQL["grants"], [task_no]))

    async def live_grants(self) -> tuple[StoredGrant, ...]:
        """Everything allowed at present, for the owner to look at."""
        return _as_grants(await self._db.fetch(SQL["live_grants"]))

    async def allow(self, session: Session, rule: Mapping[str, Json]) -> None:
        """The owner allows a host for all tasks, by a command of their own."""
        await session.execute(SQL["add_grant"], None, "", "host", dict(rule), None)
        body = {"host": rule["host"], "methods": rule["methods"]}
        await self._audit.append(session, "grant.added", body)

    async def revoke(self, session: Session, grant_id: int) -> bool:
        """Takes a grant back, for good: it never comes to life again. False when there is none.

        What was approved together with it and not used yet does not count any more either.
        """
        if await session.fetchval(SQL["revoke"], grant_id) is None:
            return False
        await session.execute(SQL["withdraw_of_grant"], grant_id)
        await self._audit.append(session, "grant.revoked", {"grant": grant_id})
        return True

    async def revoke_of_tasks(self, session: Session) -> None:
        """Takes back whatever was allowed to single tasks: everything is being stopped."""
        await session.execute(SQL["revoke_of_tasks"])


def new_code() -> str:
    """What the owner types: 30 bits, shown on the card only."""
    return "".join(secrets.choice(CODE_CHARS) for _ in range(6))


def as_approval(row: Row, actions: Sequence[Row]) -> Approval:
    """Rows as a value."""
    found = tuple(
        ApprovedAction(
            digest=a["digest"], action=a["action"], display=a["display"],
            remember=tuple(Remember(**r) for r in a["remember"]),
        )
        for a in actions
    )  # fmt: skip
    return Approval(**{**row, "state": State(row["state"])}, actions=found)


def _as_grants(rows: Sequence[Row]) -> tuple[StoredGrant, ...]:
    return tuple(StoredGrant(**row) for row in rows)
