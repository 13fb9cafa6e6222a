"""What a task's requests to the network may do: the gateway's questions put to the kernel.

Threat: see `executors.gateway`, which makes sure that what is judged here is what leaves. A tunnel
is spliced only when everything on the host was granted and no secret is for it; otherwise every
request is looked at. The answer to a request is tainted before its first byte comes back. A server
may show today what it was sent yesterday, so its answers are scrubbed of every secret that is for
it, used now or not.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.approvals import Ask, Remember
from core.errors import Denied, UserFacing
from core.policy import (
    Action,
    Decision,
    Effect,
    EffectKind,
    Label,
    Tier,
    decide,
    explain,
    secret_scope,
)
from core.policy.reasons import Reason
from core.policy.words import has_host
from executors.effects import Wanted
from executors.gateway.ports import Forward, Inspect, Refused, Splice
from executors.overrides import is_git_fetch, is_overridden
from executors.placeholders import forms_of, misplaced, sent_forms, swapped, used_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.approvals import Ticket
    from core.policy import Context
    from core.policy.action import Json
    from core.vault import Secret, Vault
    from executors.effects import Effects
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked, Headers
    from executors.placeholders import Stand

READS = ("GET", "HEAD", "OPTIONS")
HOLD_S = 45.0
HTTPS_PORT = 443
MISPLACED = Refused(
    code=Reason.FOREIGN_SECRET,
    text="A secret may only stand in its own header, to its own host, over https.",
)
OVERRIDDEN = Refused(
    code="override_refused",
    text="The request may not ask the server to read another method or place into it.",
)
PLAIN_HTTP = Refused(code="plain_http", text="Port 443 is for https; use a tunnel.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    wanted: Wanted
    ticket: Ticket | None


class TaskJudge:
    """Implements `executors.gateway.ports.Judge` for one task."""

    def __init__(
        self, effects: Effects, *, stands: Sequence[Stand], vault: Vault, config: int, sent_cap: int
    ) -> None:
        self._effects = effects
        self._stands = tuple(stands)
        self._vault = vault
        self._config = config
        self._left = sent_cap
        self._unbooked = 0
        self._open: dict[int, _Open] = {}
        self._known: set[str] = set()
        self._values: dict[bytes, bytes] = {}
        self._longest: tuple[bytes, ...] = ()

    # --- tunnels ---

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        """See the port. Nothing is asked here: a refusal says what to ask for."""
        context = await self._effects.context()
        probe = egress_effect(host, port, "GET")
        verdict = decide(probe, context)
        if verdict.decision is Decision.DENY and verdict.code is not Reason.NOT_GRANTED:
            return Refused(code=verdict.code, text=explain(verdict.code))
        rules = [rule for rule in context.owner.hosts if rule.matches_host(host, port)]
        if not rules and not has_host(context.words, host):
            return _ask_for(host, port, "GET")
        if any(s.is_for(host) for s in self._stands) or all(r.looks_inside for r in rules):
            return Inspect()
        await self._effects.permit([self._wanted(_tunnel(host, port), {}, ())])
        await self._effects.taint(Label.UNTRUSTED)
        return Splice()

    # --- requests ---

    async def request(self, asked: Asked) -> Refused | Forward:
        """See the port. Where the owner must be asked it waits a while, then says so."""
        used = used_in(asked.headers, self._stands, asked.host) if asked.scheme == "https" else ()
        if (refused := _malformed(asked, used)) is not None:
            return refused
        wanted = self._of(asked, used, await self._effects.context())
        try:
            (ticket,) = await self._effects.permit([wanted], wait_s=HOLD_S)
            await self._learn(asked.host)
            headers = await self._with_secrets(asked.headers, used)
        except Denied as error:
            if error.code == Reason.NOT_GRANTED:
                return _ask_for(asked.host, asked.port, asked.method)
            return Refused(code=error.code, text=str(error))
        except UserFacing as error:
            return Refused(code="secret_missing", text=error.sentence())
        self._open[id(asked)] = _Open(wanted=wanted, ticket=ticket)
        labels = (Label.UNTRUSTED, Label.PRIVATE) if used else (Label.UNTRUSTED,)
        await self._effects.taint(*labels)
        return Forward(headers=headers)

    def _of(self, asked: Asked, used: tuple[Stand, ...], context: Context) -> Wanted:
        verb = _verb(asked)
        arguments: dict[str, Json] = {
            "scheme": asked.scheme, "target": asked.target, "bytes": len(asked.body),
            "body": hashlib.sha256(asked.body).hexdigest(), "method": asked.method,
            "secrets": [stand.name for stand in used],
        }  # fmt: skip
        effect = egress_effect(asked.host, asked.port, verb, path=asked.target)
        effect = _with(effect, secrets=tuple(s.name for s in used), bytes_out=len(asked.body))
        remember = [
            Remember(kind="scope", rule={"scope": secret_scope(stand.name, effect.resource)})
            for stand in used
        ]
        if effect.tier is not Tier.DESTRUCTIVE and not context.owner.grants(effect):
            remember.append(host_remember(asked.host, asked.port, _methods(verb)))
        may = () if effect.tier is Tier.DESTRUCTIVE else tuple(remember)
        return self._wanted(effect, arguments, may)

    def _wanted(
        self, effect: Effect, arguments: dict[str, Json], remember: tuple[Remember, ...]
    ) -> Wanted:
        action = Action(
            task=self._effects.task.no, kind="egress", resource=effect.resource, verb=effect.verb,
            arguments=arguments, targets=(), files={}, skill="", manifest="", config=self._config,
        )  # fmt: skip
        bound = _with(effect, digest=action.digest)
        return Wanted(effect=bound, ask=Ask(action=action, remember=remember))

    async def _learn(self, host: Host) -> None:
        """Opens what is for this host once, so that its answers are scrubbed of it."""
        for stand in self._stands:
            if stand.name not in self._known and stand.is_for(host):
                with contextlib.suppress(UserFacing):  # deleted meanwhile
                    await self._opened(stand)

    async def _opened(self, stand: Stand) -> Secret:
        secret = await self._vault.open(stand.name)
        self._known.add(stand.name)
        self._scrub_also(forms_of(secret.reveal(), stand.token))
        return secret

    def _scrub_also(self, forms: Mapping[bytes, bytes]) -> None:
        """Longest first, so that one inside another leaves nothing."""
        if not forms.keys() <= self._values.keys():
            self._values.update(forms)
            self._longest = tuple(sorted(self._values, key=len, reverse=True))

    async def _with_secrets(self, headers: Headers, used: tuple[Stand, ...]) -> Headers:
        asked = headers
        for stand in used:
            secret = await self._opened(stand)
            value, whole = secret.reveal(), secret.header_value()
            headers = swapped(headers, stand, value=value, whole=whole)
            await self._vault.touch(stand.name)
        self._scrub_also(sent_forms(asked, headers))
        return headers

    async def answered(self, asked: Asked, outcome: str) -> None:
        """See the port. Bytes are booked apart, by `book`."""
        found = self._open.pop(id(asked), None)
        if found is not None:
            await self._effects.close(found.wanted, found.ticket, outcome)

    # --- bytes ---

    def sent(self, count: int) -> Refused | None:
        """See the port."""
        if count > self._left:
            return Refused(code=Reason.BYTES, text=explain(Reason.BYTES))
        self._left -= count
        self._unbooked += count
        return None

    async def book(self) -> None:
        """Writes down what was sent since the last time; a `kill -9` loses what was not yet.

        Within this process `sent` counts every byte itself.
        """
        count, self._unbooked = self._unbooked, 0
        if count:
            await self._effects.sent(count)

    def scrub(self, piece: bytes) -> bytes:
        """See the port."""
        for value in self._longest:
            piece = piece.replace(value, self._values[value])
        return piece


def host_remember(host: str, port: int, methods: Sequence[str]) -> Remember:
    """What "allow this host" is remembered as; no methods means everything on it."""
    rule: dict[str, Json] = {"host": host, "ports": [port], "methods": list(methods), "paths": []}
    return Remember(kind="host", rule=rule)


def _methods(verb: str) -> Sequence[str]:
    return READS if verb in READS else (verb,)


def _verb(asked: Asked) -> str:
    """The method; git fetches with a POST that only reads."""
    return "GET" if is_git_fetch(asked) else asked.method


def _malformed(asked: Asked, used: Sequence[Stand]) -> Refused | None:
    """What no grant and no tap can mend."""
    if asked.scheme == "http" and asked.port == HTTPS_PORT:
        return PLAIN_HTTP
    if is_overridden(asked):
        return OVERRIDDEN
    if misplaced(asked.headers, target=asked.target, body=asked.body, used=used):
        return MISPLACED
    return None


def egress_effect(host: str, port: int, verb: str, *, path: str = "/", digest: str = "") -> Effect:
    """A request as the kernel sees it; its digest is filled in when the action is known."""
    tier = Tier.READ if verb in READS else Tier.CHANGE
    return Effect(
        kind=EffectKind.EGRESS, resource=f"{host}:{port}", verb=verb, path=path, digest=digest,
        tier=Tier.DESTRUCTIVE if verb == "DELETE" else tier, destinations=(host,),
    )  # fmt: skip


def _tunnel(host: str, port: int) -> Effect:
    """A spliced tunnel: granted as a whole, so it counts as reading what was granted."""
    return _with(egress_effect(host, port, "CONNECT"), tier=Tier.READ)


def _with(effect: Effect, **changes: object) -> Effect:
    return replace(effect, **changes)  # type: ignore[arg-type]


def _ask_for(host: str, port: int, method: str) -> Refused:
    what = "read from" if method in READS else f"{method} to"
    place = host if port == 443 else f"{host}:{port}"
    return Refused(
        code=Reason.ACCESS,
        text=(
            f"This task may not {what} {place} yet. It can ask for it with request_access; "
            f"the owner can allow it for good with /grant {place}."
        ),
    )
