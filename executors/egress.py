"""A task's requests as effects and actions: what the kernel decides and the owner reads. Pure.

Threat: a change that looks like reading, or a change of production that an ordinary card allowed.
So whatever is not known to read is a change, and "production" stands in the action itself: no
approval without it has the same digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from core.approvals import Remember
from core.policy import Effect, EffectKind, Tier, secret_scope
from executors.forms import may_be_form
from executors.overrides import is_git_fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.policy import Grant
    from core.policy.action import Json
    from executors.gateway.ports import Asked

READS = ("GET", "HEAD", "OPTIONS")
SHOWN_CAP = 200 * 1024


def egress_effect(host: str, port: int, verb: str, *, path: str = "/", digest: str = "") -> Effect:
    """A request as the kernel sees it; its digest is filled in when the action is known."""
    tier = Tier.READ if verb in READS else Tier.CHANGE
    return Effect(
        kind=EffectKind.EGRESS, resource=f"{host}:{port}", verb=verb, path=path, digest=digest,
        tier=Tier.DESTRUCTIVE if verb == "DELETE" else tier, destinations=(host,),
    )  # fmt: skip


def tunnel_effect(host: str, port: int) -> Effect:
    """A spliced tunnel: granted as a whole, so it counts as reading what was granted."""
    return replace(egress_effect(host, port, "CONNECT"), tier=Tier.READ)


def request_effect(asked: Asked, secrets: tuple[str, ...], *, in_production: bool) -> Effect:
    """An inspected request; git fetches with a POST that only reads."""
    verb = "GET" if is_git_fetch(asked) else asked.method
    effect = egress_effect(asked.host, asked.port, verb, path=asked.target)
    return replace(
        effect, secrets=secrets, bytes_out=len(asked.body),
        is_production=in_production and effect.tier is not Tier.READ,
    )  # fmt: skip


def form_effect(effect: Effect, asked: Asked, *, has_secret: bool) -> Effect:
    """A browser's request: what a form sends may buy or log in, so it is asked about each time.

    So is one that says it reads and sends a body all the same, which no page does.
    """
    if effect.tier is Tier.READ:
        is_grave = has_secret or bool(asked.body and asked.method in READS)
    else:
        is_grave = has_secret or may_be_form(asked.headers)
    return replace(effect, tier=Tier.DESTRUCTIVE) if is_grave else effect


def request_arguments(asked: Asked, effect: Effect) -> dict[str, Json]:
    """What an approval of the request is bound to, besides its place and verb."""
    arguments: dict[str, Json] = {
        "scheme": asked.scheme, "target": asked.target, "bytes": len(asked.body),
        "body": hashlib.sha256(asked.body).hexdigest(), "method": asked.method,
        "secrets": list(effect.secrets),
    }  # fmt: skip
    if kinds := [value for name, value in asked.headers if name == b"content-type"]:
        # The same bytes mean something else as another type.
        arguments["type"] = b", ".join(kinds).decode("latin-1")
    return {**arguments, **production(effect)}


def production(effect: Effect) -> dict[str, Json]:
    """What marks an action as one on production."""
    return {"production": True} if effect.is_production else {}


def readable_body(body: bytes) -> str:
    """A request's body as far as a person can read it."""
    if len(body) <= SHOWN_CAP:
        return body.decode("utf-8", "replace")
    digest = hashlib.sha256(body).hexdigest()
    return f"The body is too long to be shown: {len(body)} bytes, sha256 {digest}."


def request_remember(asked: Asked, effect: Effect, owner: Grant) -> tuple[Remember, ...]:
    """What a tap for longer would allow; nothing for what destroys or touches production."""
    if effect.tier is Tier.DESTRUCTIVE or effect.is_production:
        return ()
    scopes = (secret_scope(name, effect.resource) for name in effect.secrets)
    found = [Remember(kind="scope", rule={"scope": scope}) for scope in scopes]
    if not owner.grants(effect):
        methods = READS if effect.verb in READS else (effect.verb,)
        found.append(host_remember(asked.host, asked.port, methods))
    return tuple(found)


def host_remember(host: str, port: int, methods: Sequence[str]) -> Remember:
    """What "allow this host" is remembered as; no methods means everything on it."""
    rule: dict[str, Json] = {"host": host, "ports": [port], "methods": list(methods), "paths": []}
    return Remember(kind="host", rule=rule)
