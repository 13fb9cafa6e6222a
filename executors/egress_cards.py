"""A task's requests as what the owner would approve: the action, its digest, and what is shown.

Threat: a card that shows something else than what leaves. So it shows the body that is sent, marked
where it could not be taken apart: bytes may look like the fields of a form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.approvals import Ask
from core.policy import Action
from executors.asking import Wanted
from executors.egress import (
    form_effect,
    readable_body,
    request_arguments,
    request_effect,
    request_remember,
    tunnel_effect,
)
from executors.forms import fields, shown_fields
from executors.looks import address_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.policy import Context, Effect
    from core.policy.action import Json
    from executors.effects import Effects
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked
    from executors.looks import Looks
    from executors.placeholders import Stand

AS_IT_IS = "The body as it is sent; it could not be taken apart:"


class EgressCards:
    """Of one task; `config` is the version of the settings that its actions name."""

    def __init__(
        self, effects: Effects, *, stands: Sequence[Stand], config: int, has_browser: bool
    ) -> None:
        self._effects = effects
        self._stands = tuple(stands)
        self._config = config
        self._has_browser = has_browser

    def tunnel(self, host: Host, port: int) -> Wanted:
        """A spliced tunnel."""
        return self._bound(tunnel_effect(host, port))

    def request(
        self, asked: Asked, used: Sequence[Stand], in_form: Sequence[Stand], *, context: Context
    ) -> Wanted:
        """A request with the secrets that its headers and its form carry."""
        in_production = self._effects.facts.is_production(asked.host)
        names = tuple(dict.fromkeys(stand.name for stand in (*used, *in_form)))
        effect = request_effect(asked, names, in_production=in_production)
        if self._has_browser:
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

    async def with_page(self, looks: Looks, asked: Asked, wanted: Wanted) -> Wanted:
        """The card of a browser's request with the page that asks; its picture goes before."""
        if not await self._effects.will_ask(wanted):
            return wanted
        found = await looks.beside_card()
        form = fields(asked)
        body = _as_it_is(asked.body) if form is None else shown_fields(form, self._stands)
        page = f"Page, as the container says: {address_of(found)}" if found is not None else ""
        display = "\n".join(text for text in (page, body) if text)
        return replace(wanted, ask=replace(wanted.ask, display=display))


def _as_it_is(body: bytes) -> str:
    return f"{AS_IT_IS}\n{readable_body(body)}" if body else ""
