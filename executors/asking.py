"""Asking the owner about effects of one task: one card at a time for the same, and the wait for it.

Threat: a card grants more than it says, or a task wears its owner out with cards. So what destroys,
touches production or is held is approved once and never remembered, and a task has a number of
cards. A card that is found again is not a new one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.approvals import Ask, State
from core.errors import Denied
from core.policy import Tier, explain
from core.policy.reasons import Reason
from core.spawn import insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from core.approvals import Approval, Approvals
    from core.policy import Effect, Verdict
    from executors.facts import TaskFacts
    from executors.trail import Trail

LOOK_EVERY_S = 1.0
QUIET = "quiet"
NOT_ASKED = "It needs the owner's approval, and this is work that the owner is not asked about."
TOO_LATE = {
    State.DENIED: ("denied_by_owner", "The owner said no."),
    State.EXPIRED: ("expired", "The owner did not answer in time, so it was not allowed."),
    State.WITHDRAWN: ("stopped", "The task was stopped."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An effect, and the exact action that an owner would approve."""

    effect: Effect
    ask: Ask


class Asking:
    """`on_wait(True)` is called when the task begins to wait for the owner, then `on_wait(False)`.

    A card that nobody answers within `expires_s` counts as no.
    """

    def __init__(
        self, approvals: Approvals, trail: Trail, facts: TaskFacts, *, expires_s: float,
        on_wait: Callable[[bool], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._approvals = approvals
        self._trail = trail
        self._facts = facts
        self._expires_s = expires_s
        self._on_wait = on_wait
        self._waiting = 0
        self._news = asyncio.Event()
        self._one = asyncio.Lock()

    def wake(self) -> None:
        """The owner may have decided."""
        self._news.set()

    async def ask(self, wanted: Sequence[Wanted], verdict: Verdict, wait_s: float | None) -> None:
        """Returns once the owner has said yes to all of `wanted`; `Denied` otherwise.

        Also when they have not answered within `wait_s`; cancelling leaves the card, too.
        """
        if self._trail.task.is_quiet:
            await self._trail.denied(wanted[0].effect.scope, QUIET)
            raise Denied(QUIET, NOT_ASKED)
        async with self._one:  # what asks at the same moment is counted, too
            approval = await self._pending(wanted)
            if approval is None:
                await self._check_cards(wanted)
                approval = await insist(lambda: self._request(wanted, verdict))
        await self._wait_for(approval, wait_s)

    async def would_be_new(self, one: Wanted) -> bool:
        """Whether asking about it now would show a new card."""
        if self._trail.task.is_quiet or await self._pending([one]) is not None:
            return False
        return await self._has_cards()

    # --- a card ---

    async def _pending(self, wanted: Sequence[Wanted]) -> Approval | None:
        """The open card about exactly this; to find it again is not to ask again."""
        digests = [one.effect.digest for one in wanted]
        return await insist(lambda: self._approvals.pending_for(self._trail.task.no, digests))

    async def _has_cards(self) -> bool:
        count = await insist(lambda: self._approvals.cards(self._trail.task.no))
        return count < self._facts.budget().cards

    async def _check_cards(self, wanted: Sequence[Wanted]) -> None:
        if not await self._has_cards():
            await self._trail.denied(wanted[0].effect.scope, Reason.CARDS)
            raise Denied(Reason.CARDS, explain(Reason.CARDS))

    async def _request(self, wanted: Sequence[Wanted], verdict: Verdict) -> Approval:
        """A new card. What destroys, touches production or is held is approved once."""
        is_once = verdict.code is Reason.HOLD or any(_is_grave(one.effect) for one in wanted)
        return await self._approvals.request(
            self._trail.task.no, [_once(one.ask) if is_once else one.ask for one in wanted],
            reason=verdict.code, detail=verdict.detail, expires_s=self._expires_s,
            may_remember=not is_once and all(one.ask.remember for one in wanted),
            is_production=any(one.effect.is_production for one in wanted),
        )  # fmt: skip

    # --- the wait ---

    async def _wait_for(self, approval: Approval, wait_s: float | None) -> None:
        """The clock here only runs forwards; whichever clock says that time is up is believed."""
        limit_s = (approval.expires_at - approval.created_at).total_seconds()
        given_up = time.monotonic() + min(limit_s, wait_s if wait_s is not None else limit_s)
        await self._begin_to_wait()
        try:
            while time.monotonic() < given_up + LOOK_EVERY_S:
                self._news.clear()
                now = await insist(lambda: self._approvals.get(approval.id))
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


def _is_grave(effect: Effect) -> bool:
    return effect.tier is Tier.DESTRUCTIVE or effect.is_production


def _once(ask: Ask) -> Ask:
    """Nothing to remember, but for access: there "once" means this task, and each use asks."""
    return ask if ask.action.kind == "access" else replace(ask, remember=())
