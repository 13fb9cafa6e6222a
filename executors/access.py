"""Asking the owner for hosts that a task may reach: one card for all of them.

Threat: a card that reads milder than what it grants. So its method is the first that changes, and
one that deletes or touches production makes the whole card grave: nothing of it is for good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.approvals import Ask
from core.errors import Denied
from core.policy import Action, Decision, Tier, decide, explain
from core.spawn import insist
from executors.asking import Wanted
from executors.egress import READS, egress_effect, host_remember, production
from executors.gateway.hosts import BadHost, HostPattern, parse_host

if TYPE_CHECKING:
    from core.policy import Context, Effect
    from executors.effects import Effects
    from executors.protocol import AskAccess, HostWanted

ALL = "*"
ALREADY = "You may reach it already."
GRANTED = "Allowed. Try again now."


async def ask_access(effects: Effects, wanted: AskAccess, *, config: int) -> str:
    """Asks for what is not allowed yet and waits for the owner.

    Returns words for the model; `Denied` says why not. Asking again for the same finds the card.
    What always asks counts as allowed when it is granted: each request asks for itself.
    """
    context = await insist(effects.context)
    missing = []
    for host in wanted.hosts:
        name, verbs = _checked(host.host), _verbs(host)
        asked = [_effect(effects, name, host.port, verb) for verb in verbs]
        if left := [effect for effect in asked if not _is_granted(effect, context)]:
            missing.append(_wanted(effects, left[0], verbs, config))
    if not missing:
        return ALREADY
    for one, ticket in zip(missing, await effects.permit(missing), strict=True):
        await effects.close(one, ticket, "done")
    return GRANTED


def _verbs(host: HostWanted) -> list[str]:
    """The methods, those that change first; `*` means all of them, unread."""
    methods = {method.upper() for method in host.methods} or {"GET"}
    return [ALL] if ALL in methods else sorted(methods, key=lambda verb: (verb in READS, verb))


def _effect(effects: Effects, name: str, port: int, verb: str) -> Effect:
    effect = egress_effect(name, port, verb)
    is_change = effect.tier is not Tier.READ
    return replace(effect, is_production=is_change and effects.facts.is_production(name))


def _is_granted(effect: Effect, context: Context) -> bool:
    """Whether nothing is left to ask about reaching it; `Denied` when it never will be."""
    verdict = decide(effect, context)
    if verdict.decision is Decision.DENY:
        raise Denied(verdict.code, explain(verdict.code))
    return verdict.decision is Decision.ALLOW or context.owner.grants(effect)


def _wanted(effects: Effects, left: Effect, verbs: list[str], config: int) -> Wanted:
    """All methods of a host on one card; the kernel is asked about one that is not granted."""
    name, _, port = left.resource.rpartition(":")
    gravest = _gravest([_effect(effects, name, int(port), verb) for verb in verbs])
    kept = () if verbs == [ALL] else tuple(sorted({*READS, *verbs}))
    action = Action(
        task=effects.task.no, kind="access", resource=left.resource,
        verb="GET" if gravest.tier is Tier.READ else verbs[0],
        arguments={"methods": list(kept), **production(gravest)}, targets=(), files={},
        skill=effects.task.skill, manifest=effects.facts.manifest_digest, config=config,
    )  # fmt: skip
    effect = replace(
        left, tier=gravest.tier, is_production=gravest.is_production, digest=action.digest
    )
    ask = Ask(action=action, remember=(host_remember(name, int(port), kept),))
    return Wanted(effect=effect, ask=ask)


def _gravest(asked: list[Effect]) -> Effect:
    order = (Tier.READ, Tier.CHANGE, Tier.DESTRUCTIVE)
    return max(asked, key=lambda effect: order.index(effect.tier))


def _checked(host: str) -> str:
    try:
        if host.startswith("*."):
            HostPattern.parse(host)
            return host
        return parse_host(host)
    except BadHost as error:
        raise Denied("bad_host", f"That is no host name: {error}") from None
