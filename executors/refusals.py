"""What of a task's egress is refused without asking anybody, and with which words. Pure.

Threat: a request that means something else to the server than to us, or a secret in a place where
nobody looks for it. No grant and no tap mends these. What was only not granted is refused with
words that say how to ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.policy import Decision
from core.policy.reasons import Reason
from core.policy.words import has_host
from executors.egress import READS
from executors.gateway.ports import Refused
from executors.overrides import is_overridden
from executors.placeholders import misplaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.policy import Context, HostRule, Verdict
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked
    from executors.placeholders import Stand

HTTPS_PORT = 443
MISPLACED = Refused(
    code=Reason.FOREIGN_SECRET,
    text="A secret may only stand in its own header, to its own host, over https.",
)
OVERRIDDEN = Refused(
    code="override_refused",
    text="The request may not ask the server to read another method or place into it.",
)
REPORT = Refused(code="background", text="Reports that a browser makes by itself are not sent.")
PLAIN_HTTP = Refused(code="plain_http", text="Port 443 is for https; use a tunnel.")


def malformed(asked: Asked, used: Sequence[Stand]) -> Refused | None:
    """What no grant and no tap can mend; `used` are the stand-ins where they belong."""
    if asked.scheme == "http" and asked.port == HTTPS_PORT:
        return PLAIN_HTTP
    if is_overridden(asked):
        return OVERRIDDEN
    if misplaced(asked.headers, target=asked.target, body=asked.body, used=used):
        return MISPLACED
    return None


def owner_rules(context: Context, host: Host, port: int) -> list[HostRule]:
    """What the owner granted on the host."""
    return [rule for rule in context.owner.hosts if rule.matches_host(host, port)]


def is_known(context: Context, host: Host, port: int) -> bool:
    """Whether the owner granted something on the host, or named it."""
    return bool(owner_rules(context, host, port)) or has_host(context.words, host)


def is_hopeless(verdict: Verdict, context: Context, host: Host, port: int) -> bool:
    """Whether nothing on the host can be allowed; a manifest may hold some of it and no `GET /`."""
    if verdict.decision is not Decision.DENY or verdict.code is Reason.NOT_GRANTED:
        return False
    rules = context.manifest.hosts
    return verdict.code is not Reason.MANIFEST or not any(r.matches_host(host, port) for r in rules)


def must_ask(host: str, port: int, method: str) -> Refused:
    """Not yet; a task asks for hosts in a way of its own."""
    what = "read from" if method in READS else f"{method} to"
    place = host if port == HTTPS_PORT else f"{host}:{port}"
    return Refused(
        code=Reason.ACCESS,
        text=(
            f"This task may not {what} {place} yet. It can ask for it with request_access; "
            f"the owner can allow it for good with /grant {place}."
        ),
    )
