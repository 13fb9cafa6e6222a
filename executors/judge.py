"""What a task's requests to the network may do: the gateway's questions put to the kernel.

Threat: see `executors.gateway`, which makes sure that what is judged here is what leaves. A tunnel
is spliced only when everything on the host was granted, no secret is for it and it is not one of
the production hosts; otherwise every request is looked at. A spliced one is judged again every
second, for what opened it may be taken back. The answer to a request is tainted before its first
byte comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.approvals import Ask
from core.errors import Denied, UserFacing
from core.hygiene import clean
from core.policy import Action, Decision, Hold, Label, Spent, decide, explain
from core.policy.reasons import Reason
from core.policy.words import has_host
from core.spawn import insist
from executors.effects import Wanted
from executors.egress import (
    READS,
    egress_effect,
    form_effect,
    readable_body,
    request_arguments,
    request_effect,
    request_remember,
    tunnel_effect,
)
from executors.forms import fields, is_report, shown_fields, without
from executors.gateway.ports import Forward, Inspect, Refused, Splice
from executors.gateway.splices import Splices
from executors.looks import address_of
from executors.overrides import is_overridden
from executors.placeholders import misplaced
from executors.task_secrets import TaskSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from core.approvals import Ticket
    from core.policy import Context, Effect, HostRule, Verdict
    from core.policy.action import Json
    from core.vault import Vault
    from executors.effects import Effects
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked
    from executors.looks import Looks
    from executors.placeholders import Stand

HOLD_S = 45.0
HTTPS_PORT = 443
PLACE_CAP = 80
MISPLACED = Refused(
    code=Reason.FOREIGN_SECRET,
    text="A secret may only stand in its own header, to its own host, over https.",
)
OVERRIDDEN = Refused(
    code="override_refused",
    text="The request may not ask the server to read another method or place into it.",
)
AS_IT_IS = "The body as it is sent; it could not be taken apart:"
REPORT = Refused(code="background", text="Reports that a browser makes by itself are not sent.")
PLAIN_HTTP = Refused(code="plain_http", text="Port 443 is for https; use a tunnel.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    wanted: Wanted
    ticket: Ticket | None


class TaskJudge:
    """Implements `executors.gateway.ports.Judge` for one task."""

    def __init__(
        self, effects: Effects, *, stands: Sequence[Stand], vault: Vault, config: int,
        sent_cap: int, looks: Looks | None = None,
    ) -> None:  # fmt: skip
        self._effects = effects
        self._secrets = TaskSecrets(effects.facts, vault, stands)
        self._stands = tuple(stands)
        self._config = config
        self._looks = looks  # only a task with a browser has them
        self._left = sent_cap
        self._unbooked = 0
        self._open: dict[int, _Open] = {}
        self._splices = Splices()

    # --- tunnels ---

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        """See the port. Nothing is asked here: a refusal says what to ask for."""
        context = await insist(self._effects.context)
        verdict = decide(egress_effect(host, port, "GET"), context)
        if _is_hopeless(verdict, context, host, port):
            await self._effects.note_refusal(f"egress:{host}:{port}:CONNECT", verdict.code)
            return Refused(code=verdict.code, text=explain(verdict.code))
        if not _rules(context, host, port) and not has_host(context.words, host):
            await self._effects.note_refusal(f"egress:{host}:{port}:CONNECT", Reason.ACCESS)
            return _ask_for(host, port, "GET")
        if self._looks is not None or not self._is_unread(context, host, port):
            return Inspect()
        await self._effects.permit([self._bound(tunnel_effect(host, port))])
        await self._effects.taint(Label.UNTRUSTED)
        return Splice()

    def _is_unread(self, context: Context, host: Host, port: int) -> bool:
        """Whether all on it was granted and nothing there needs a look.

        While a standing rule holds changes back everything does: a tunnel hides what it sends.
        """
        if context.hold is not Hold.NONE:
            return False
        rules = _rules(context, host, port)
        if not rules or any(rule.looks_inside for rule in rules):
            return False
        return not self._secrets.is_any_for(host) and not self._effects.facts.is_production(host)

    def spliced(
        self, host: Host, port: int, cut: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """See the port."""
        return self._splices.held(host, port, cut)

    async def look_again(self) -> None:
        """Cuts spliced tunnels that would not be opened now; what they used up is not asked."""
        if self._splices:
            self._effects.facts.forget()
            context = replace(await insist(self._effects.context), spent=Spent())
            self._splices.cut_unless(lambda host, port: self._may_go_on(context, host, port))

    def _may_go_on(self, context: Context, host: Host, port: int) -> bool:
        verdict = decide(tunnel_effect(host, port), context)
        return verdict.decision is Decision.ALLOW and self._is_unread(context, host, port)

    # --- requests ---

    async def request(self, asked: Asked) -> Refused | Forward:
        """See the port. Where the owner must be asked it waits a while, then says so."""
        used = self._secrets.used_in(asked)
        refused = self._refused(asked, used)
        if refused is MISPLACED and await self._secrets.read_again():
            used = self._secrets.used_in(asked)
            refused = self._refused(asked, used)
        scope = f"egress:{asked.host}:{asked.port}:{asked.method}"
        if refused is None and await self._is_foreign(asked):
            await self._effects.note_refusal(scope, Reason.ACCESS)
            return _ask_for(asked.host, asked.port, asked.method)
        if refused is not None:
            await self._effects.note_refusal(scope, refused.code)
            return refused
        try:
            return await self._permitted(asked, used)
        except Denied as error:
            if error.code == Reason.NOT_GRANTED:
                return _ask_for(asked.host, asked.port, asked.method)
            return Refused(code=error.code, text=str(error))
        except UserFacing as error:
            return Refused(code="secret_missing", text=error.sentence())

    def _refused(self, asked: Asked, used: Sequence[Stand]) -> Refused | None:
        """What no grant and no tap can mend; a browser's form may hold stand-ins in its fields."""
        if self._looks is not None and is_report(asked):
            return REPORT
        return _malformed(replace(asked, body=without(asked.body, self._in_form(asked))), used)

    async def _is_foreign(self, asked: Asked) -> bool:
        """Whether a page took something from a host that nobody named: pages do that all the time.

        It is refused as a tunnel there would be; a card for each picture would bury the real ones.
        """
        if self._looks is None:
            return False
        context = await insist(self._effects.context)
        is_known = _rules(context, asked.host, asked.port) or has_host(context.words, asked.host)
        return not is_known

    def _in_form(self, asked: Asked) -> tuple[Stand, ...]:
        return () if self._looks is None else self._secrets.in_form(asked)

    async def _permitted(self, asked: Asked, used: tuple[Stand, ...]) -> Forward:
        """Secrets are opened when all is allowed and before a tap is used up."""
        in_form = self._in_form(asked)
        wanted = self._of(asked, used, in_form, await insist(self._effects.context))
        ready: list[Forward] = []

        async def prepare() -> None:
            await self._secrets.learn(asked.host)
            headers = await self._secrets.put_into(asked.headers, used)
            body = await self._secrets.put_into_form(asked, in_form) if in_form else None
            ready.append(Forward(headers=headers, body=body))

        hold_s: float | None = HOLD_S
        if self._looks is not None:
            wanted, hold_s = await self._shown(self._looks, asked, wanted), None
        (ticket,) = await self._effects.permit([wanted], wait_s=hold_s, prepare=prepare)
        await self._begin(asked, _Open(wanted=wanted, ticket=ticket), (*used, *in_form))
        return ready[0]

    async def _shown(self, looks: Looks, asked: Asked, wanted: Wanted) -> Wanted:
        """The card with the page that asks; its picture goes before. A browser waits to the end."""
        if not await self._effects.will_ask(wanted):
            return wanted
        found = await looks.beside_card()
        form = fields(asked)
        body = _as_it_is(asked.body) if form is None else shown_fields(form, self._stands)
        page = f"Page, as the container says: {address_of(found)}" if found is not None else ""
        display = "\n".join(text for text in (page, body) if text)
        return replace(wanted, ask=replace(wanted.ask, display=display))

    async def _begin(self, asked: Asked, opened: _Open, used: tuple[Stand, ...]) -> None:
        """Writes down what the task is about to see; an effect that ends here has failed."""
        labels = (Label.UNTRUSTED, Label.PRIVATE) if used else (Label.UNTRUSTED,)
        try:
            await self._secrets.touch(used)
            await self._effects.taint(*labels)
            self._open[id(asked)] = opened
        finally:
            if id(asked) not in self._open:
                await self._effects.close(opened.wanted, opened.ticket, "failed")

    def _of(
        self, asked: Asked, used: tuple[Stand, ...], in_form: tuple[Stand, ...], context: Context
    ) -> Wanted:
        in_production = self._effects.facts.is_production(asked.host)
        names = tuple(dict.fromkeys(stand.name for stand in (*used, *in_form)))
        effect = request_effect(asked, names, in_production=in_production)
        if self._looks is not None:
            effect = form_effect(effect, asked, has_secret=bool(in_form))
        wanted = self._bound(effect, request_arguments(asked, effect))
        remember = request_remember(asked, effect, context.owner)
        ask = replace(wanted.ask, display=readable_body(asked.body), remember=remember)
        return replace(wanted, ask=ask)

    def _bound(self, effect: Effect, arguments: dict[str, Json] | None = None) -> Wanted:
        """The effect with the digest of its action."""
        action = Action(
            task=self._effects.task.no, kind="egress", resource=effect.resource, verb=effect.verb,
            arguments=arguments or {}, targets=(), files={},
            skill=self._effects.task.skill, manifest=self._effects.facts.manifest_digest,
            config=self._config,
        )  # fmt: skip
        return Wanted(effect=replace(effect, digest=action.digest), ask=Ask(action=action))

    async def answered(self, asked: Asked, outcome: str) -> None:
        """See the port. Bytes are booked apart, by `book`."""
        found = self._open.pop(id(asked), None)
        if found is not None:
            await self._effects.close(found.wanted, found.ticket, outcome)

    async def noted(self, place: str, method: str, code: str) -> None:
        """See the port."""
        scope = f"egress:{clean(place, cap=PLACE_CAP)}:{clean(method, cap=PLACE_CAP)}"
        await self._effects.note_refusal(scope, code)

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
        return self._secrets.scrub(piece)


def _as_it_is(body: bytes) -> str:
    """A body that cannot be taken apart, marked: it may look like the fields of a form."""
    return f"{AS_IT_IS}\n{readable_body(body)}" if body else ""


def _rules(context: Context, host: Host, port: int) -> list[HostRule]:
    return [rule for rule in context.owner.hosts if rule.matches_host(host, port)]


def _is_hopeless(verdict: Verdict, context: Context, host: Host, port: int) -> bool:
    """Whether nothing on the host can be allowed; a manifest may hold some of it and no `GET /`."""
    if verdict.decision is not Decision.DENY or verdict.code is Reason.NOT_GRANTED:
        return False
    rules = context.manifest.hosts
    return verdict.code is not Reason.MANIFEST or not any(r.matches_host(host, port) for r in rules)


def _malformed(asked: Asked, used: Sequence[Stand]) -> Refused | None:
    """What no grant and no tap can mend."""
    if asked.scheme == "http" and asked.port == HTTPS_PORT:
        return PLAIN_HTTP
    if is_overridden(asked):
        return OVERRIDDEN
    if misplaced(asked.headers, target=asked.target, body=asked.body, used=used):
        return MISPLACED
    return None


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
