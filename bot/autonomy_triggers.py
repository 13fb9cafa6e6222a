"""/trigger and /triggers: outside events that start a task.

Threat: a trigger does what its owner may. Its task has no permissions of the owner's: what is made
here grants nothing outside the container, and what arrived is labelled untrusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approval_cards import shown as visible
from bot.autonomy_words import TRIGGER_USAGE, new_trigger
from bot.cards import Card, short
from bot.delivery import text_payload
from bot.render import compose
from core.errors import UserFacing
from heartbeat.conditions import NAME
from heartbeat.scheduler import utc_now

if TYPE_CHECKING:
    from bot.autonomy_parts import Autonomy
    from bot.delivery import Button
    from bot.route import Route
    from bot.updates import Message, Press
    from heartbeat.trigger_types import NewTrigger, Trigger

NOWHERE = "hooks.invalid"  # a host that cannot exist (RFC 6761): no task may use such a secret
TOO_OLD = "This button is too old."
LISTED = 20


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
        await route.say(self._store, message.sender.chat_id, made_text(new, port))

    async def list(self, route: Route, message: Message, _rest: str) -> None:
        """/triggers."""
        card = list_card(await self._a.trigger_store.all())
        await route.show(self._store, message.sender.chat_id, card)

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
        if press.message_id is None:
            return
        chat_id = press.sender.chat_id
        row = await self._store.shown(route.session, chat_id, press.message_id)
        if row is None:
            return
        others = [t for t in await self._a.trigger_store.all() if t.name != name]
        changed = await self._a.trigger_store.get(name, session=route.session)
        listed = sorted([*others, *([changed] if changed else [])], key=lambda t: t.name)
        card = list_card(tuple(listed))
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(route.session, chat_id, payload, method="edit", edit_of=row.id)
        route.has_messages = True


def made_text(new: NewTrigger, port: int) -> str:
    """What the owner does next."""
    what = "starts a task" if new.instructions else "is kept for checks to see; it starts no task"
    parts = [f"Trigger {new.name} is on. Each event {what}."]
    if new.kind == "webhook":
        where = f"http://127.0.0.1:{port}/hooks/{new.name}" if port else "shown by /triggers"
        parts.append(f"Address: {where} (this machine only; forward to it as you like)")
    if new.secret_name:
        parts.append(f"Its secret is {new.secret_name}: /secret set {new.secret_name} {NOWHERE}")
    if new.kind == "file":
        parts.append("Files that lie there already do not count.")
    return "\n".join(parts)


def list_card(triggers: tuple[Trigger, ...]) -> Card:
    """Every trigger with its buttons."""
    if not triggers:
        return Card(piece=compose(f"There are no triggers.\n{TRIGGER_USAGE}"))
    parts: list[str | tuple[str, str]] = [("bold", "Triggers")]
    for trigger in triggers[:LISTED]:
        what = short(visible(trigger.instructions), 100) or "only kept for checks to see"
        parts += ["\n\n", ("bold", trigger.name), f" {trigger.kind} · {trigger.state}\n{what}"]
    if len(triggers) > LISTED:
        parts.append(f"\n\n… and {len(triggers) - LISTED} more.")
    return Card(piece=compose(*parts), keys=tuple(_keys(t) for t in triggers[:LISTED]))


def _keys(trigger: Trigger) -> tuple[Button, ...]:
    name = trigger.name
    is_on = trigger.state == "active"
    switch = (f"Pause {name}", f"t:p:{name}") if is_on else (f"Resume {name}", f"t:r:{name}")
    return (switch, (f"Delete {name}", f"t:x:{name}"))
