"""The one decision. Pure; every rule in the order in which it is asked.

    1  stopped                                   deny
    2  a layer denies it                         deny
    3  the ceiling or the manifest lacks it      deny
    4  a secret that is not for this host        deny
    5  a budget would break                      deny
    6  a standing rule forbids what changes      deny
    7  the owner approved exactly this           allow
    8  a standing rule holds what changes        ask, always
    9  it is in the approved plan                allow
   10  a secret that it may not use yet          ask
   11  the owner's permissions lack it           ask for access, but for reading
                                                 from a host in the owner's words
   12  it reads                                  allow
   13  it destroys, sends, spends                ask, always
   14  a request that a grant names              allow
   15  all it touches is in the owner's words    allow
   16  a new file                                allow
   17  untrusted content was seen                ask
   18  an approved scope                         allow
   19  anything else that changes                ask, once a scope

An ask becomes a deny when nobody may be asked. Adding a deny or a standing rule or taking a grant
away never turns an answer into a milder one; a property test holds that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.policy.grants import split_host
from core.policy.reasons import Reason
from core.policy.types import (
    Decision,
    Effect,
    EffectKind,
    Hold,
    Label,
    Origin,
    Tier,
    Verdict,
)
from core.policy.words import has_address, has_content, has_host, has_name

if TYPE_CHECKING:
    from core.policy.budget import Budget
    from core.policy.context import Context
    from core.policy.grants import Grant


def decide(effect: Effect, context: Context) -> Verdict:
    """Whether the effect may happen now, must be asked for, or never happens."""
    if (refusal := _refusal(effect, context)) is not None:
        return refusal
    is_held = _is_held(effect, context)
    if is_held and context.hold is Hold.DENY:
        return _deny(Reason.HOLD, effect.scope)
    if effect.digest in context.approved:
        return _allow(Reason.APPROVED)
    if is_held:
        return _asked(_ask(Reason.HOLD, effect.scope), context)
    if context.plan is not None and effect.digest in context.plan:
        return _allow(Reason.IN_PLAN)
    verdict = _by_tier(effect, context)
    if verdict.decision is not Decision.ASK:
        return verdict
    if context.plan is not None:
        verdict = _ask(Reason.DEVIATES, verdict.detail)
    return _asked(verdict, context)


def secret_scope(name: str, resource: str) -> str:
    """What "allow this secret here" is remembered as."""
    return f"secret:{name}:{resource}"


def _refusal(effect: Effect, context: Context) -> Verdict | None:
    """Rules 1 to 5: what no approval can mend."""
    if context.is_stopped:
        return _deny(Reason.STOPPED)
    if any(layer.denies_effect(effect) for layer in _layers(context)):
        return _deny(Reason.DENIED_BY_RULE, effect.scope)
    if not context.ceiling.grants(effect):
        return _deny(Reason.CEILING, effect.scope)
    if not context.manifest.grants(effect):
        return _deny(Reason.MANIFEST, effect.scope)
    if (name := _foreign_secret(effect, context)) is not None:
        return _deny(Reason.FOREIGN_SECRET, name)
    broken = _budget(context).exceeded_by(
        context.spent, bytes_out=effect.bytes_out, cost=effect.cost,
        destinations=frozenset(effect.destinations),
    )  # fmt: skip
    return _deny(broken) if broken is not None else None


def _is_held(effect: Effect, context: Context) -> bool:
    """Whether a standing rule is about it: all that does more than read."""
    if context.hold is Hold.NONE:
        return False
    return effect.tier is not Tier.READ or effect.is_production


def _by_tier(effect: Effect, context: Context) -> Verdict:
    """Rules 10 to 19."""
    for name in effect.secrets:
        if secret_scope(name, effect.resource) not in context.scopes:
            return _ask(Reason.FIRST_SECRET, name)
    if not context.owner.grants(effect):
        return _unless_named(effect, context)
    if effect.tier is Tier.READ:
        return _allow(Reason.READ)
    if effect.tier is Tier.DESTRUCTIVE or effect.is_production:
        return _ask(Reason.DESTRUCTIVE)
    if effect.kind is EffectKind.EGRESS:
        return _allow(Reason.STANDING)  # the grant names this host and this method
    if (odd := _not_in_words(effect, context)) is None:
        return _allow(Reason.OWN_WORDS)
    if _only_adds(effect):
        return _allow(Reason.NEW_FILE)
    if Label.UNTRUSTED in context.labels:
        return _ask(Reason.RULE_OF_TWO, odd)
    if effect.scope in context.scopes:
        return _allow(Reason.SCOPE)
    return _ask(Reason.FIRST_CHANGE, odd)


def _unless_named(effect: Effect, context: Context) -> Verdict:
    """Whoever names a site wants it read: no grant is needed for that, and for nothing else."""
    is_reading = effect.kind is EffectKind.EGRESS and effect.tier is Tier.READ
    if is_reading and has_host(_owners(context), split_host(effect.resource)[0]):
        return _allow(Reason.OWN_WORDS)
    return _ask(Reason.ACCESS, effect.scope)


def _owners(context: Context) -> tuple[str, ...]:
    """The owner's words, which only a task that the owner's message began may use."""
    return context.words if context.origin is Origin.OWNER else ()


def _only_adds(effect: Effect) -> bool:
    """A new file in the owner's own folder reaches nobody and replaces nothing."""
    return effect.kind is EffectKind.FILES and effect.is_new and not effect.destinations


def _not_in_words(effect: Effect, context: Context) -> str | None:
    """The first thing that the owner neither wrote nor cleared for good, if there is one."""
    words = _owners(context)
    for address in effect.destinations:
        if not _is_cleared(address, context, words):
            return address
    for name in effect.targets:
        if name not in context.owner.destinations and not has_name(words, name):
            return name
    for text in effect.content:
        if not has_content(words, text):
            return text
    return None if effect.destinations or effect.targets else effect.scope


def _is_cleared(address: str, context: Context, words: tuple[str, ...]) -> bool:
    """Written by the owner, cleared for good, or a field of an object that the owner named."""
    if address in context.owner.destinations or has_address(words, address):
        return True
    return any(has_name(words, name) for name in context.fields.get(address, ()))


def _foreign_secret(effect: Effect, context: Context) -> str | None:
    host = split_host(effect.resource)[0] if effect.kind is EffectKind.EGRESS else effect.resource
    for name in effect.secrets:
        if not all(layer.grants_secret(name, host) for layer in _layers(context)):
            return name
    return None


def _asked(verdict: Verdict, context: Context) -> Verdict:
    """An ask, or why it cannot be asked."""
    if not context.may_ask:
        return _deny(Reason.NOT_GRANTED, verdict.detail)
    if context.spent.cards >= _budget(context).cards:
        return _deny(Reason.CARDS)
    return verdict


def _layers(context: Context) -> tuple[Grant, Grant, Grant]:
    return context.manifest, context.owner, context.ceiling


def _budget(context: Context) -> Budget:
    return context.manifest.budget.within(context.owner.budget).within(context.ceiling.budget)


def _allow(code: Reason) -> Verdict:
    return Verdict(decision=Decision.ALLOW, code=code)


def _ask(code: Reason, detail: str = "") -> Verdict:
    return Verdict(decision=Decision.ASK, code=code, detail=detail)


def _deny(code: Reason, detail: str = "") -> Verdict:
    return Verdict(decision=Decision.DENY, code=code, detail=detail)
