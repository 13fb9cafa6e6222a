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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Denied
from core.policy import Decision, decide, explain
from core.policy.reasons import Reason
from core.spawn import insist
from executors.asking import Asking
from executors.facts import TaskFacts
from executors.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from core.approvals import Approvals, Ticket
    from core.audit import Audit
    from core.config import Config
    from core.db import Database
    from core.policy import Context, Label, SecretRule, Verdict
    from core.tasks import Task
    from core.tasks.seen import SeenStore
    from executors.asking import Wanted


@dataclass(frozen=True, kw_only=True)
class EffectParts:
    """What effects are made of; one set for all tasks of a host."""

    database: Database
    approvals: Approvals
    audit: Audit
    seen: SeenStore


class Effects:
    """The effects of one task that this host runs.

    `on_wait` is that of `Asking`. `changed` is set whenever the owner may have taken something
    back; who waits on it clears it.
    """

    def __init__(
        self, parts: EffectParts, task: Task, config: Config,
        on_wait: Callable[[bool], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._p = parts
        self.task = task
        self.facts = TaskFacts(parts.approvals, parts.seen, task=task, config=config)
        self.trail = Trail(parts.audit, parts.database, task)
        self._asking = Asking(
            parts.approvals, self.trail, self.facts, on_wait=on_wait,
            expires_s=config.whole("policy.approval_min") * 60,
        )  # fmt: skip
        self.changed = asyncio.Event()

    def wake(self) -> None:
        """The owner may have decided, or taken something back."""
        self.facts.forget()
        self._asking.wake()
        self.changed.set()

    def know_secrets(self, rules: Sequence[SecretRule]) -> None:
        """Which secrets the vault holds, and where each may go."""
        self.facts.know_secrets(rules)

    async def context(self) -> Context:
        """What the kernel knows about the task, at most a second old."""
        return await self.facts.context()

    # --- being allowed ---

    async def permit(
        self, wanted: Sequence[Wanted], *, wait_s: float | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[Ticket | None, ...]:  # fmt: skip
        """The right to carry out all of `wanted` now, asking the owner in one card where needed.

        `prepare` does what may still fail, after the answer and before anything is used up.
        `Denied` when one of them may not happen, when the owner says no, or when they have not
        answered within `wait_s` (the card stays: asking again finds the answer). Cancelling leaves
        the card.
        """
        verdicts = await self._verdicts(wanted)
        if asked := _asked(wanted, verdicts):
            await self._asking.ask(asked, _first(verdicts, Decision.ASK), wait_s)
            self.facts.forget()
            verdicts = await self._verdicts(wanted)  # what held before may have been taken back
        if _asked(wanted, verdicts):
            raise Denied("not_approved", "The approval cannot be used any more.")
        if prepare is not None:
            await prepare()
        return await self._begin_all(wanted, verdicts)

    async def will_ask(self, one: Wanted) -> bool:
        """Whether a new card about it would be shown now."""
        context = await insist(self.context)
        is_asked = decide(one.effect, context).decision is Decision.ASK
        return is_asked and await self._asking.would_be_new(one)

    async def _verdicts(self, wanted: Sequence[Wanted]) -> list[Verdict]:
        """The kernel's answers; `Denied` when one is no."""
        context = await insist(self.context)
        verdicts = [decide(one.effect, context) for one in wanted]
        for one, verdict in zip(wanted, verdicts, strict=True):
            if verdict.decision is Decision.DENY:
                await self.trail.denied(one.effect.scope, verdict.code)
                raise Denied(verdict.code, _sentence(verdict))
        return verdicts

    # --- writing down ---

    async def _begin_all(
        self, wanted: Sequence[Wanted], verdicts: Sequence[Verdict]
    ) -> tuple[Ticket | None, ...]:
        """All tickets or none: those before one that cannot be had are closed as failed."""
        tickets: list[Ticket | None] = []
        try:
            for one, verdict in zip(wanted, verdicts, strict=True):
                tickets.append(await self._begin(one, verdict))
        except Denied:
            for one, ticket in zip(wanted, tickets, strict=False):
                await self.close(one, ticket, "failed")
            raise
        return tuple(tickets)

    async def _begin(self, one: Wanted, verdict: Verdict) -> Ticket | None:
        ticket = None
        if verdict.code is Reason.APPROVED:
            no, fence, digest = self.task.no, self.task.fence, one.effect.digest
            ticket = await insist(lambda: self._p.approvals.consume(no, fence, digest))
            self.facts.forget()  # the next of the same is asked about
            if ticket is None:
                raise Denied("not_approved", "The approval cannot be used any more.")
        else:
            await self.trail.intends(one.effect)
        self.facts.count(one.effect)
        return ticket

    async def in_doubt(self) -> tuple[Ticket, ...]:
        """Tickets that were taken and whose outcome nobody wrote down."""
        return await insist(lambda: self._p.approvals.in_doubt(self.task.no))

    async def close(self, one: Wanted, ticket: Ticket | None, outcome: str) -> None:
        """Writes down how an effect ended."""
        if ticket is not None:
            await insist(lambda: self._p.approvals.close(ticket, outcome))
            return
        await self.trail.ended(one.effect, outcome)

    # --- what was used up and seen ---

    async def flush(self) -> None:
        """Books what was counted here since the last time."""
        await self.facts.flush()

    async def sent(self, count: int) -> None:
        """Books bytes that left."""
        await self.facts.sent(count)

    async def taint(self, *labels: Label) -> None:
        """The task is about to see such data; written down before it does."""
        await self.facts.taint(*labels)


def _asked(wanted: Sequence[Wanted], verdicts: Sequence[Verdict]) -> list[Wanted]:
    pairs = zip(wanted, verdicts, strict=True)
    return [one for one, verdict in pairs if verdict.decision is Decision.ASK]


def _first(verdicts: Sequence[Verdict], decision: Decision) -> Verdict:
    return next(verdict for verdict in verdicts if verdict.decision is decision)


def _sentence(verdict: Verdict) -> str:
    text = explain(verdict.code)
    if not verdict.detail or verdict.detail.startswith("files:"):  # whoever asks names the files
        return text
    return f"{text} ({verdict.detail})"
