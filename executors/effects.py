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
from typing import TYPE_CHECKING

from core.approvals import Ask, State
from core.errors import Denied
from core.policy import Decision, Tier, decide, explain
from core.policy.reasons import Reason
from core.spawn import insist
from executors.facts import TaskFacts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from core.approvals import Approval, Approvals, Ticket
    from core.audit import Audit
    from core.config import Config
    from core.db import Database
    from core.policy import Context, Effect, Label, SecretRule, Verdict
    from core.tasks import Task
    from core.tasks.seen import SeenStore
    from executors.wheels import Wheel

LOOK_EVERY_S = 1.0
NOTED_CAP = 1_000
QUIET = "quiet"
NOT_ASKED = "It needs the owner's approval, and this is work that the owner is not asked about."
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
    `changed` is set whenever the owner may have taken something back; who waits on it clears it.
    """

    def __init__(
        self, parts: EffectParts, task: Task, config: Config,
        on_wait: Callable[[bool], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._p = parts
        self.task = task
        self.facts = TaskFacts(parts.approvals, parts.seen, task=task, config=config)
        self._expires_s = config.whole("policy.approval_min") * 60
        self._on_wait = on_wait
        self._waiting = 0
        self._noted: set[tuple[str, str]] = set()
        self._news = asyncio.Event()
        self.changed = asyncio.Event()
        self._asking = asyncio.Lock()

    def wake(self) -> None:
        """The owner may have decided, or taken something back."""
        self.facts.forget()
        self._news.set()
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
        if _asked(wanted, verdicts):
            await self._ask(_asked(wanted, verdicts), _first(verdicts, Decision.ASK), wait_s)
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
        if not is_asked or self.task.is_quiet or await self._pending([one]) is not None:
            return False
        cards = await insist(lambda: self._p.approvals.cards(self.task.no))
        return cards < self.facts.budget().cards

    async def _verdicts(self, wanted: Sequence[Wanted]) -> list[Verdict]:
        """The kernel's answers; `Denied` when one is no."""
        context = await insist(self.context)
        verdicts = [decide(one.effect, context) for one in wanted]
        for one, verdict in zip(wanted, verdicts, strict=True):
            if verdict.decision is Decision.DENY:
                await self._note_denial(one, verdict.code)
                raise Denied(verdict.code, _sentence(verdict))
        return verdicts

    async def _ask(self, wanted: list[Wanted], verdict: Verdict, wait_s: float | None) -> None:
        if self.task.is_quiet:
            await self._write_denial(wanted[0].effect.scope, QUIET)
            raise Denied(QUIET, NOT_ASKED)
        async with self._asking:  # what asks at the same moment is counted, too
            approval = await self._pending(wanted)
            if approval is None:
                await self._check_cards(wanted)
                approval = await insist(lambda: self._request(wanted, verdict))
        await self._wait_for(approval, wait_s)

    async def _pending(self, wanted: list[Wanted]) -> Approval | None:
        """The open card about exactly this; to find it again is not to ask again."""
        digests = [one.effect.digest for one in wanted]
        return await insist(lambda: self._p.approvals.pending_for(self.task.no, digests))

    async def _check_cards(self, wanted: list[Wanted]) -> None:
        count = await insist(lambda: self._p.approvals.cards(self.task.no))
        if count >= self.facts.budget().cards:
            await self._note_denial(wanted[0], Reason.CARDS)
            raise Denied(Reason.CARDS, explain(Reason.CARDS))

    async def _request(self, wanted: list[Wanted], verdict: Verdict) -> Approval:
        """A new card. What destroys, touches production or is held is approved once."""
        is_held = verdict.code is Reason.HOLD
        is_once = is_held or any(_is_grave(one.effect) for one in wanted)
        may_remember = not is_once and all(one.ask.remember for one in wanted)
        asks = [_once(one.ask) if is_once else one.ask for one in wanted]
        return await self._p.approvals.request(
            self.task.no, asks, reason=verdict.code, detail=verdict.detail,
            may_remember=may_remember, expires_s=self._expires_s,
            is_production=any(one.effect.is_production for one in wanted),
        )  # fmt: skip

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
            await insist(lambda: self._intend(one.effect))
        self.facts.count(one.effect)
        return ticket

    async def _intend(self, effect: Effect) -> None:
        body = {"task": self.task.no, "scope": effect.scope, "action": effect.digest}
        await self._p.audit.append(self._p.database, "effect.intent", body)

    async def _note_denial(self, one: Wanted, code: Reason) -> None:
        await self._write_denial(one.effect.scope, str(code))

    async def note_refusal(self, scope: str, code: str) -> None:
        """Writes down that the task tried what its manifest does not hold, or what never may be.

        The same once a process: a task that tries again and again would fill the audit trail.
        """
        is_known = (scope, code) in self._noted or len(self._noted) >= NOTED_CAP
        if not is_known:
            self._noted.add((scope, code))
            await self._write_denial(scope, code)

    async def _write_denial(self, scope: str, code: str) -> None:
        body = {"task": self.task.no, "scope": scope, "reason": code}
        if self.task.skill:
            body["skill"] = self.task.skill
        await insist(lambda: self._p.audit.append(self._p.database, "effect.denied", body))

    async def note_packages(self, wheels: Sequence[Wheel]) -> None:
        """Writes down which packages the task was given, each by its digest."""
        listed = {wheel.name: wheel.sha256 for wheel in wheels}
        body = {"task": self.task.no, "skill": self.task.skill or "", "wheels": listed}
        await insist(lambda: self._p.audit.append(self._p.database, "skill.packages", body))

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


def _is_grave(effect: Effect) -> bool:
    return effect.tier is Tier.DESTRUCTIVE or effect.is_production


def _once(ask: Ask) -> Ask:
    """Nothing to remember, but for access: there "once" means this task, and each use asks."""
    return ask if ask.action.kind == "access" else replace(ask, remember=())


def _sentence(verdict: Verdict) -> str:
    text = explain(verdict.code)
    if not verdict.detail or verdict.detail.startswith("files:"):  # whoever asks names the files
        return text
    return f"{text} ({verdict.detail})"
