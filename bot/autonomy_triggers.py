"""/trigger and /triggers: outside events that start a task.

Threat: a trigger does what its owner may. Its task has no permissions of the owner's: what is made
here grants nothing outside the container, and what arrived is labelled untrusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.approval_cards import shown as visible
from bot.autonomy_lane import WEBHOOKS
from bot.autonomy_schedules import when_of
from bot.autonomy_words import TRIGGER_USAGE, new_trigger
from bot.cards import Card, short
from bot.render import compose
from bot.stopping import PAUSED, RESUME_KEYS
from core.errors import UserFacing
from core.pause import pause_now
from heartbeat.cadence import zone_of
from heartbeat.clock import utc_now
from heartbeat.conditions import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.autonomy_parts import Autonomy
    from bot.delivery import Button
    from bot.route import Route
    from bot.updates import Message, Press
    from core.db import Session
    from heartbeat.trigger_types import Activity, NewTrigger, Trigger

SIGNING = {
    "agentai": "Who calls it signs with the secret: the header X-AgentAI-Signature is "
    "t=UNIX,v1=HEX, where HEX is the HMAC-SHA256 of UNIX.BODY and UNIX the time in seconds.",
    "github": "Give GitHub the same secret, and the content type application/json.",
}
TOO_OLD = "This button is too old."
LISTED = 12
OUTCOMES = {
    "keep": "kept for checks", "over_cap": "left out: too many that day",
    "refused": "could not start a task", "stopped": "dropped by a stop or a pause",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a list of triggers tells beside the triggers themselves."""

    zone: str = "UTC"
    hooks_at: str = ""
    troubles: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    activity: Mapping[str, Activity] = field(default_factory=dict)
    is_paused: bool = False


class TriggersDesk:
    """Handles the commands and buttons inside the update's transaction."""

    def __init__(self, autonomy: Autonomy) -> None:
        self._a = autonomy
        self._store = autonomy.parts.store

    async def trigger(self, route: Route, message: Message, rest: str) -> None:
        """/trigger KIND NAME …: WHAT."""
        if not rest.strip():
            raise UserFacing(TRIGGER_USAGE)
        new = new_trigger(rest)
        if not await self._a.trigger_store.add(route.session, new, now=utc_now()):
            raise UserFacing(f"There is a trigger {new.name} already.", "/triggers lists them.")
        body = {"name": new.name, "kind": new.kind}
        await self._a.parts.audit.append(route.session, "trigger.created", body)
        port = (await self._a.parts.config.current()).whole("triggers.port")
        at = self._a.hooks_at or (f"http://127.0.0.1:{port}/hooks/" if port else "")
        await route.say(self._store, message.sender.chat_id, made_text(new, at))

    async def list(self, route: Route, message: Message, _rest: str) -> None:
        """/triggers."""
        card = list_card(await self._a.trigger_store.all(), await self._facts(route.session))
        await route.show(self._store, message.sender.chat_id, card)

    async def _facts(self, session: Session) -> Facts:
        zone = zone_of(await self._a.zone())
        midnight = utc_now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return Facts(
            zone=zone.key, hooks_at=self._a.hooks_at, troubles=self._a.troubles,
            secrets=frozenset(secret.name for secret in await self._a.parts.vault.list()),
            activity=await self._a.trigger_store.activity(midnight),
            is_paused=(await pause_now(session)).is_paused,
        )  # fmt: skip

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Pause, resume, delete."""
        letter, _, name = what.partition(":")
        if not NAME.fullmatch(name):
            return TOO_OLD
        is_found = await self._change(route, letter, name)
        if not is_found:
            return "There is no such trigger any more."
        await self._show_again(route, press, name)
        return {"p": "Paused.", "r": "It goes on.", "x": "Deleted."}[letter]

    async def _change(self, route: Route, letter: str, name: str) -> bool:
        store, session = self._a.trigger_store, route.session
        match letter:
            case "p":
                done = await store.set_state(session, name, "paused")
            case "r":
                done = await store.set_state(session, name, "active")
            case "x":
                done = await store.delete(session, name)
            case _:
                return False
        if done:
            body = {"name": name, "change": letter}
            await self._a.parts.audit.append(session, "trigger.changed", body)
        return done

    async def _show_again(self, route: Route, press: Press, name: str) -> None:
        others = [t for t in await self._a.trigger_store.all() if t.name != name]
        changed = await self._a.trigger_store.get(name, session=route.session)
        listed = sorted([*others, *([changed] if changed else [])], key=lambda t: t.name)
        card = list_card(tuple(listed), await self._facts(route.session))
        await route.redraw(self._store, press, card)


def made_text(new: NewTrigger, hooks_at: str) -> str:
    """What the owner does next."""
    what = "starts a task" if new.instructions else "is kept for checks to see; it starts no task"
    parts = [f"Trigger {new.name} is on. Each event {what}."]
    if new.kind == "webhook":
        where = f"{hooks_at}{new.name}" if hooks_at else "shown by /triggers in a moment"
        parts.append(f"Address: {where} (this machine only; forward to it as you like)")
    if new.secret_name:
        parts.append(
            f"Its secret is {new.secret_name}; it hears nothing without: "
            f"/secret set {new.secret_name}"
        )
    if new.kind == "webhook":
        parts.append(SIGNING["github" if new.spec.get("format") == "github" else "agentai"])
    if new.kind == "file":
        parts.append("Files that lie there already do not count.")
    return "\n".join(parts)


def list_card(triggers: tuple[Trigger, ...], facts: Facts) -> Card:
    """Every trigger with how it stands and its buttons."""
    resume = RESUME_KEYS if facts.is_paused else ()
    head = f"{PAUSED}\n\n" if facts.is_paused else ""
    if not triggers:
        return Card(piece=compose(f"{head}There are no triggers.\n{TRIGGER_USAGE}"), keys=resume)
    parts: list[str | tuple[str, str]] = [head, ("bold", "Triggers")]
    for trigger in triggers[:LISTED]:
        parts += ["\n\n", ("bold", trigger.name), f" {_lines(trigger, facts)}"]
    if len(triggers) > LISTED:
        parts.append(f"\n\n… and {len(triggers) - LISTED} more.")
    rows = tuple(_keys(t) for t in triggers[:LISTED])
    return Card(piece=compose(*parts), keys=(*rows, *resume))


def _lines(trigger: Trigger, facts: Facts) -> str:
    what = short(visible(trigger.instructions), 60) or "only kept for checks to see"
    lines = [f"{trigger.kind} · {trigger.state}", what, *_way_in(trigger, facts)]
    if trigger.secret_name and trigger.secret_name not in facts.secrets:
        lines.append(f"No secret yet: /secret set {trigger.secret_name}")
    elif trigger.secret_name:
        lines.append(f"Secret: {trigger.secret_name}")
    lines.append(_last(facts.activity.get(trigger.name), facts.zone))
    return "\n".join(lines)


def _way_in(trigger: Trigger, facts: Facts) -> Iterator[str]:
    is_on = trigger.state == "active" and not facts.is_paused
    if trigger.kind == "webhook" and is_on:
        yield f"{facts.hooks_at}{trigger.name}" if facts.hooks_at else "Not listening yet."
    name = WEBHOOKS if trigger.kind == "webhook" else trigger.name
    if is_on and (trouble := facts.troubles.get(name)):
        yield short(visible(trouble), 200)


def _last(seen: Activity | None, zone: str) -> str:
    if seen is None:
        return "No event yet"
    if seen.task_no is not None:
        outcome = f"started #{seen.task_no}"
    else:
        outcome = OUTCOMES.get(seen.outcome or "", "waits")
    return f"Last event {when_of(seen.at, zone)}, {outcome} · {seen.today} today"


def _keys(trigger: Trigger) -> tuple[Button, ...]:
    name = trigger.name
    is_on = trigger.state == "active"
    switch = (f"Pause {name}", f"t:p:{name}") if is_on else (f"Resume {name}", f"t:r:{name}")
    return (switch, (f"Delete {name}", f"t:x:{name}"))
