"""Asking the owner for hosts that a task may reach: one card for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.approvals import Ask
from core.errors import Denied
from core.policy import Action, Decision, decide, explain
from executors.effects import Wanted
from executors.gateway.hosts import BadHost, HostPattern, parse_host
from executors.judge import READS, egress_effect, host_remember

if TYPE_CHECKING:
    from executors.effects import Effects
    from executors.protocol import AskAccess, HostWanted

ALREADY = "You may reach it already."
GRANTED = "Allowed. Try again now."


async def ask_access(effects: Effects, wanted: AskAccess, *, config: int) -> str:
    """Asks for what is not allowed yet and waits for the owner.

    Returns words for the model; `Denied` says why not. Asking again for the same finds the card.
    """
    context = await effects.context()
    missing = []
    for host in wanted.hosts:
        one = _wanted(effects, host, config)
        verdict = decide(one.effect, context)
        if verdict.decision is Decision.DENY:
            raise Denied(verdict.code, explain(verdict.code))
        if verdict.decision is Decision.ASK:
            missing.append(one)
    if not missing:
        return ALREADY
    await effects.permit(missing)
    return GRANTED


def _wanted(effects: Effects, host: HostWanted, config: int) -> Wanted:
    """The methods beyond reading decide how the card reads; `*` means all of them, unread."""
    name = _checked(host.host)
    methods = sorted({method.upper() for method in host.methods} or {"GET"})
    is_all = "*" in methods
    is_read = not is_all and set(methods) <= set(READS)
    kept = () if is_all else tuple(READS) if is_read else tuple(sorted({*READS, *methods}))
    verb = "*" if is_all else next((m for m in methods if m not in READS), "GET")
    action = Action(
        task=effects.task.no, kind="access", resource=f"{name}:{host.port}", verb=verb,
        arguments={"methods": list(kept)}, targets=(), files={}, skill="", manifest="",
        config=config,
    )  # fmt: skip
    effect = egress_effect(name, host.port, verb, digest=action.digest)
    ask = Ask(action=action, remember=(host_remember(name, host.port, kept),))
    return Wanted(effect=effect, ask=ask)


def _checked(host: str) -> str:
    try:
        if host.startswith("*."):
            HostPattern.parse(host)
            return host
        return parse_host(host)
    except BadHost as error:
        raise Denied("bad_host", f"That is no host name: {error}") from None
