"""Effects of one task: decided by the kernel, asked for where it says so, written down, closed.

    decide ──► allow ──► intent in the audit trail ──► the effect ──► its outcome
       │  └──► ask ──► a card ──► the owner's tap ──► used up once, with the intent ──► …
       └────► deny

Threat: an effect happens that nothing allowed, or whose approval was for something else. So there
is one way to a ticket, `permit`, and nothing outside the container may happen without one. Between
the answer and the effect nothing is read from the container again: what was decided is carried out.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.approvals import Ask, State
from core.errors import Denied
from core.policy import (
    Budget,
    Context,
    Decision,
    Grant,
    HostRule,
    Label,
    SecretRule,
    VerbRule,
    decide,
    explain,
)
from core.policy.reasons import Reason
from core.spawn import insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from core.approvals import Approval, Approvals, Ticket
    from core.approvals.types import StoredGrant
    from core.audit import Audit
    from core.config import Config
    from core.db import Database
    from core.policy import Effect, Verdict
    from core.tasks import Task
    from core.tasks.seen import SeenStore

LOOK_EVERY_S = 1.0
TOO_LATE = {
    State.DENIED: ("denied_by_owner", "The owner said no."),
    State.EXPIRED: ("expired", "The owner did not answer in time, so it was not allowed."),
    State.WITHDRAWN: ("stopped", "The task was stopped."),
}


@dataclass(frozen=True, kw_only=True)
class EffectParts:
    """What effects are made of; one set for all tasks of a host."""

    database: Database
    approvals: Approvals
    audit: Audit
    seen: SeenStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An effect, and the exact action that an owner would approve."""

    effect: Effect
    ask: Ask


class Effects:
    """The effects of one task that this host runs.

    `on_wait(True)` is called when the task begins to wait for the owner, `on_wait(False)` after.
    """

    def __init__(
        self, parts: EffectParts, task: Task, config: Config,
        on_wait: Callable[[bool], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._p = parts
        self.task = task
        self._config = config
        self._on_wait = on_wait
        self._waiting = 0
        self._news = asyncio.Event()
        self._asking = asyncio.Lock()
        self._secrets: tuple[SecretRule, ...] = ()
        self._kept: tuple[float, Context] | None = None
        self._calls = 0
        self._reached: set[str] = set()
        self.grants: tuple[StoredGrant, ...] = ()

    def wake(self) -> None:
        """The owner may have decided, or taken something back."""
        self._kept = None
        self._news.set()

    def know_secrets(self, rules: Sequence[SecretRule]) -> None:
        """Which secrets the vault holds, and where each may go."""
        self._secrets = tuple(rules)

    async def refresh(self) -> None:
        """Reads anew what the owner allowed."""
        self.grants = await self._p.approvals.grants(self.task.no)

    # --- deciding ---

    async def context(self) -> Context:
        """Everything that a verdict about this task depends on, at most a second old."""
        now = time.monotonic()
        if self._kept is None or now - self._kept[0] > LOOK_EVERY_S:
            await self.flush()
            self._kept = (now, await self._read())
        spent = self._kept[1].spent
        reached = spent.destinations | self._reached
        spent = replace(spent, calls=spent.calls + self._calls, destinations=reached)
        return replace(self._kept[1], spent=spent)

    async def _read(self) -> Context:
        await self.refresh()
        seen = await self._p.seen.read(self.task)
        return Context(
            manifest=Grant.everything(self._budget()), owner=self.owner_layer(),
            ceiling=self.ceiling(), labels=seen.labels, words=seen.words, spent=seen.spent,
            approved=await self._p.approvals.approved(self.task.no), scopes=self._scopes(),
            is_stopped=seen.is_stopped,
        )  # fmt: skip

    def owner_layer(self) -> Grant:
        """What the owner allowed: their own files, and whatever stands in `/grants`."""
        hosts = tuple(host_rule(g.rule) for g in self.grants if g.kind == "host")
        return Grant(
            hosts=hosts, verbs=(VerbRule(integration="*", verbs=("*",)),), reads=("*",),
            writes=("*",), secrets=self._secrets, budget=self._budget(),
        )  # fmt: skip

    def ceiling(self) -> Grant:
        """What this instance never exceeds, as its operator set it."""
        hosts = tuple(self._config.text("policy.hosts").split(","))
        ports = tuple(int(p) for p in self._config.text("policy.ports").split(","))
        return Grant(
            hosts=tuple(HostRule(host=h.strip(), ports=ports) for h in hosts if h.strip()),
            verbs=(VerbRule(integration="*", verbs=("*",)),), reads=("*",), writes=("*",),
            secrets=(SecretRule(name="*", host="*"),), budget=self._budget(),
        )  # fmt: skip

    def _scopes(self) -> frozenset[str]:
        return frozenset(str(g.rule.get("scope")) for g in self.grants if g.kind == "scope")

    def _budget(self) -> Budget:
        return Budget(
            calls=self._config.whole("policy.calls"),
            bytes_out=self._config.whole("policy.sent_mb") * 1024 * 1024,
            fan_out=self._config.whole("policy.hosts_reached"),
            cost=Decimal(str(self._config.number("policy.task_usd"))),
            cards=self._config.whole("policy.cards"),
        )

    # --- being allowed ---

    async def permit(
        self, wanted: Sequence[Wanted], *, wait_s: float | None = None
    ) -> tuple[Ticket | None, ...]:
        """The right to carry out all of `wanted` now, asking the owner in one card where needed.

        `Denied` when one of them may not happen, when the owner says no, or when they have not
        answered within `wait_s` (the card stays: asking again finds the answer). Cancelling leaves
        the card.
        """
        context = await insist(self.context)
        verdicts = [decide(one.effect, context) for one in wanted]
        for one, verdict in zip(wanted, verdicts, strict=True):
            if verdict.decision is Decision.DENY:
                await insist(lambda v=verdict, o=one: self._note_denial(o, v))  # type: ignore[misc]
                raise Denied(verdict.code, _sentence(verdict))
        asks = [
            (one, verdict)
            for one, verdict in zip(wanted, verdicts, strict=True)
            if verdict.decision is Decision.ASK
        ]
        if asks:
            await self._ask([one for one, _ in asks], asks[0][1], wait_s)
            self._kept = None
        asked = {one.effect.digest for one, _ in asks} | context.approved
        return tuple([await self._begin(one, asked) for one in wanted])

    async def _ask(self, wanted: list[Wanted], verdict: Verdict, wait_s: float | None) -> None:
        may_remember = all(one.ask.remember for one in wanted) and not any(
            one.effect.is_production for one in wanted
        )
        async with self._asking:  # what asks at the same moment is counted, too
            if await insist(lambda: self._p.approvals.cards(self.task.no)) >= self._budget().cards:
                raise Denied(Reason.CARDS, explain(Reason.CARDS))
            approval = await insist(
                lambda: self._p.approvals.request(
                    self.task.no, [one.ask for one in wanted], reason=verdict.code,
                    detail=verdict.detail, may_remember=may_remember,
                    expires_s=self._config.whole("policy.approval_min") * 60,
                    is_production=any(one.effect.is_production for one in wanted),
                )
            )  # fmt: skip
        await self._wait_for(approval, wait_s)

    async def _wait_for(self, approval: Approval, wait_s: float | None) -> None:
        """The clock here only runs forwards; whichever clock says that time is up is believed."""
        limit_s = (approval.expires_at - approval.created_at).total_seconds()
        given_up = time.monotonic() + min(limit_s, wait_s if wait_s is not None else limit_s)
        await self._begin_to_wait()
        try:
            while time.monotonic() < given_up + LOOK_EVERY_S:
                self._news.clear()
                now = await insist(lambda: self._p.approvals.get(approval.id))
                if now is not None and now.state is State.APPROVED:
                    return
                if now is not None and now.state is not State.PENDING:
                    raise Denied(*TOO_LATE[now.state])
                await self._look_again(given_up)
        finally:
            await self._end_waiting()
        raise Denied(
            "waiting_for_owner", "The owner was asked and has not answered yet; try again later."
        )

    async def _look_again(self, until: float) -> None:
        pause = min(LOOK_EVERY_S, max(0.05, until - time.monotonic()))
        try:
            async with asyncio.timeout(pause):
                await self._news.wait()
        except TimeoutError:
            return

    async def _begin_to_wait(self) -> None:
        self._waiting += 1
        if self._waiting == 1:
            await self._on_wait(True)

    async def _end_waiting(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            await self._on_wait(False)

    # --- writing down ---

    async def _begin(self, one: Wanted, approved: frozenset[str] | set[str]) -> Ticket | None:
        effect = one.effect
        if effect.digest in approved:
            ticket = await insist(
                lambda: self._p.approvals.consume(self.task.no, self.task.fence, effect.digest)
            )
            if ticket is None:
                raise Denied("not_approved", "The approval cannot be used any more.")
        else:
            ticket = None
            await insist(lambda: self._intend(effect))
        self._calls += 1
        self._reached |= set(effect.destinations)
        return ticket

    async def flush(self) -> None:
        """Books what was counted here since the last time; a `kill -9` loses at most a second."""
        calls, reached = self._calls, tuple(self._reached)
        if calls or reached:
            await self._p.seen.spend(self.task, calls=calls, bytes_out=0, reached=reached)
            self._calls -= calls
            self._reached -= set(reached)

    async def _intend(self, effect: Effect) -> None:
        body = {"task": self.task.no, "scope": effect.scope, "action": effect.digest}
        await self._p.audit.append(self._p.database, "effect.intent", body)

    async def _note_denial(self, one: Wanted, verdict: Verdict) -> None:
        body = {"task": self.task.no, "scope": one.effect.scope, "reason": str(verdict.code)}
        await self._p.audit.append(self._p.database, "effect.denied", body)

    async def in_doubt(self) -> tuple[Ticket, ...]:
        """Tickets that were taken and whose outcome nobody wrote down."""
        return await insist(lambda: self._p.approvals.in_doubt(self.task.no))

    async def close(self, one: Wanted, ticket: Ticket | None, outcome: str) -> None:
        """Writes down how an effect ended."""
        if ticket is not None:
            await insist(lambda: self._p.approvals.close(ticket, outcome))
            return
        body = {"task": self.task.no, "action": one.effect.digest, "outcome": outcome}
        await insist(lambda: self._p.audit.append(self._p.database, "effect.outcome", body))

    async def sent(self, count: int) -> None:
        """Books bytes that left."""
        await insist(lambda: self._p.seen.spend(self.task, calls=0, bytes_out=count, reached=()))

    async def taint(self, *labels: Label) -> None:
        """The task is about to see such data; written down before it does."""
        if self._kept is not None and self._kept[1].labels >= set(labels):
            return
        await insist(lambda: self._p.seen.add_labels(self.task, labels))
        self._kept = None


def host_rule(rule: object) -> HostRule:
    """A stored rule as a value."""
    assert isinstance(rule, dict)  # noqa: S101 - we wrote it
    return HostRule(
        host=str(rule["host"]), ports=tuple(rule["ports"]), methods=tuple(rule["methods"]),
        paths=tuple(rule.get("paths", ())),
    )  # fmt: skip


def _sentence(verdict: Verdict) -> str:
    text = explain(verdict.code)
    return f"{text} ({verdict.detail})" if verdict.detail else text
