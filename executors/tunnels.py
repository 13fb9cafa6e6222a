"""A task's tunnels: which may be opened, which are carried unread, and for how long.

Threat: a tunnel hides what it sends. It is spliced only when everything on the host was granted, no
secret is for it and it is not one of the production hosts; otherwise every request is looked at. A
spliced one is judged again every second, for what opened it may be taken back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.policy import Decision, Hold, Label, Spent, decide, explain
from core.policy.reasons import Reason
from core.spawn import insist
from executors.egress import egress_effect, tunnel_effect
from executors.gateway.ports import Inspect, Refused, Splice
from executors.gateway.splices import Splices
from executors.refusals import is_hopeless, is_known, must_ask, owner_rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from core.policy import Context
    from executors.effects import Effects
    from executors.egress_cards import EgressCards
    from executors.gateway.hosts import Host
    from executors.task_secrets import TaskSecrets


class Tunnels:
    """Of one task; with `is_read` every one of them is looked into."""

    def __init__(
        self, effects: Effects, secrets: TaskSecrets, cards: EgressCards, *, is_read: bool
    ) -> None:
        self._effects = effects
        self._secrets = secrets
        self._cards = cards
        self._is_read = is_read
        self._splices = Splices()

    async def open(self, host: Host, port: int) -> Refused | Splice | Inspect:
        """Nothing is asked here: a refusal says what to ask for."""
        context = await insist(self._effects.context)
        verdict = decide(egress_effect(host, port, "GET"), context)
        if is_hopeless(verdict, context, host, port):
            await self._effects.trail.refused(f"egress:{host}:{port}:CONNECT", verdict.code)
            return Refused(code=verdict.code, text=explain(verdict.code))
        if not is_known(context, host, port):
            await self._effects.trail.refused(f"egress:{host}:{port}:CONNECT", Reason.ACCESS)
            return must_ask(host, port, "GET")
        if self._is_read or not self._is_unread(context, host, port):
            return Inspect()
        await self._effects.permit([self._cards.tunnel(host, port)])
        await self._effects.taint(Label.UNTRUSTED)
        return Splice()

    def _is_unread(self, context: Context, host: Host, port: int) -> bool:
        """Whether all on it was granted and nothing there needs a look.

        While a standing rule holds changes back everything does: a tunnel hides what it sends.
        """
        if context.hold is not Hold.NONE:
            return False
        rules = owner_rules(context, host, port)
        if not rules or any(rule.looks_inside for rule in rules):
            return False
        return not self._secrets.is_any_for(host) and not self._effects.facts.is_production(host)

    def held(self, host: Host, port: int, cut: Callable[[], None]) -> AbstractContextManager[None]:
        """A spliced one lives as long as the block; `cut` ends it once it is not allowed."""
        return self._splices.held(host, port, cut)

    async def look_again(self) -> None:
        """Cuts spliced ones that would not be opened now; what they used up is not asked."""
        if self._splices:
            self._effects.facts.forget()
            context = replace(await insist(self._effects.context), spent=Spent())
            self._splices.cut_unless(lambda host, port: self._may_go_on(context, host, port))

    def _may_go_on(self, context: Context, host: Host, port: int) -> bool:
        verdict = decide(tunnel_effect(host, port), context)
        return verdict.decision is Decision.ALLOW and self._is_unread(context, host, port)
