"""/rules: the owner's standing rules, and the card that says how one was understood.

Threat: a rule that the owner believes in and that does not hold. So every rule is shown as soon as
it is kept, with what it does and a button that lifts it, in the commit that keeps it; one that is
not kept is named with the reason; and nobody but the owner, by this command or a button, makes one
milder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.delivery import text_payload
from bot.render import compose
from coordinator.standing import hold_of
from coordinator.standing_store import meaning
from core.errors import UserFacing
from core.hygiene import visible
from core.policy import Hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.delivery import Button
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from coordinator.standing import Missed, Rule
    from coordinator.standing_store import StandingRules
    from core.db import Session

TOO_OLD = "This button is too old."
NOTHING = (
    "No standing rules. Say one, such as: do not send anything until I say so\n"
    "Or: /rules add always answer in German"
)
FOOT = (
    "/rules add TEXT keeps one, lift N (or all) takes it back.\n"
    "What a rule does to tasks: ask N asks you first, forbid N refuses, free N leaves them alone."
)
USAGE = (
    "/rules lists them. /rules add TEXT keeps one, /rules lift N takes it back. /rules ask N, "
    "forbid N and free N say what a rule does to tasks."
)
HOLDS = {"ask": Hold.ASK, "forbid": Hold.DENY, "free": Hold.NONE}
MISSED_SHOWN = 5
KEYS_IN_LINE = 4
SHORT = {Hold.NONE: "for answers", Hold.ASK: "tasks ask first", Hold.DENY: "tasks may not"}


def rules_card(rules: tuple[Rule, ...]) -> Card:
    """The answer to /rules."""
    if not rules:
        return Card(piece=compose(NOTHING))
    parts: list[str | tuple[str, str]] = [("bold", "Standing rules"), "\n"]
    for rule in rules:
        parts += ["\n", ("bold", str(rule.no)), f" {_shown(rule)} · {SHORT[rule.hold]}"]
    parts.append(f"\n\n{FOOT}")
    return Card(piece=compose(*parts), keys=_lift_keys(rules))


def rule_card(rule: Rule) -> Card:
    """How one rule was understood."""
    return Card(
        piece=compose(
            ("bold", f"Standing rule {rule.no}"), f": {_shown(rule)}\n{meaning(rule.hold)}\n",
            f"/rules lift {rule.no} takes it back.",
        ),
        keys=((_lift_key(rule),),),
    )  # fmt: skip


def missed_card(missed: Sequence[Missed]) -> Card:
    """Which orders do not stand, and why."""
    parts: list[str | tuple[str, str]] = [("bold", "Not kept as a standing rule:")]
    for one in missed[:MISSED_SHOWN]:
        parts.append(f"\n“{short(visible(one.text), 200)}”\n{one.why}")
    if len(missed) > MISSED_SHOWN:
        parts.append(f"\n… and {len(missed) - MISSED_SHOWN} more.")
    parts.append("\n\n/rules shows what stands. /rules add TEXT keeps one.")
    return Card(piece=compose(*parts))


def _shown(rule: Rule) -> str:
    return short(visible(rule.text), 300)


def _lift_keys(rules: Sequence[Rule]) -> tuple[tuple[Button, ...], ...]:
    keys = [_lift_key(rule) for rule in rules]
    return tuple(tuple(keys[i : i + KEYS_IN_LINE]) for i in range(0, len(keys), KEYS_IN_LINE))


def _lift_key(rule: Rule) -> Button:
    return (f"Lift {rule.no}", f"n:{rule.no}")


class RulesCommand:
    """The command, its buttons, and the safety net under every message of the owner's."""

    def __init__(self, *, rules: StandingRules, store: OutboxStore) -> None:
        self._rules = rules
        self._store = store

    async def heard(self, route: Route, message: Message) -> None:
        """Keeps clear orders in a message of the owner's, before any model reads it."""
        if message.is_forwarded or not message.text:
            return
        kept = await self._rules.heard(route.session, message.sender.chat_id, message.text)
        route.has_messages = True  # a card, or why there is none
        if kept:
            route.has_control = True

    async def tell(self, session: Session, chat_id: int, rule: Rule) -> None:
        """The port `RuleTeller`: shows the card in the caller's transaction."""
        card = rule_card(rule)
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(session, chat_id, payload, method="text", key=f"rule:{rule.no}")

    async def tell_missed(self, session: Session, chat_id: int, missed: Sequence[Missed]) -> None:
        """The port `RuleTeller`: says what does not stand, in the caller's transaction."""
        payload = text_payload(missed_card(missed).piece)
        await self._store.enqueue(session, chat_id, payload, method="text")

    async def rules(self, route: Route, message: Message, rest: str) -> None:
        """/rules and what follows it."""
        action, _, what = rest.strip().partition(" ")
        match action.lower():
            case "" | "list":
                rules = await self._rules.in_force(route.session)
                await route.show(self._store, message.sender.chat_id, rules_card(rules))
            case "add":
                await self._add(route, message, what)
            case "lift" | "delete" | "remove":
                await self._lift(route, message, what)
            case "ask" | "forbid" | "free" as kind:
                await self._set(route, message, what, HOLDS[kind])
            case _:
                raise UserFacing(f"To keep a rule: /rules add {short(rest, 100)}", USAGE)

    async def _add(self, route: Route, message: Message, text: str) -> None:
        rule, is_new = await self._rules.keep(
            route.session, text, hold=hold_of(text), source="command"
        )
        route.has_control = True
        card = rule_card(rule)
        if not is_new:
            await route.say(self._store, message.sender.chat_id, f"Rule {rule.no} says so already.")
            return
        await route.show(self._store, message.sender.chat_id, card)

    async def _lift(self, route: Route, message: Message, what: str) -> None:
        wanted = what.strip().lower().removeprefix("#")
        if wanted == "all":
            numbers = [rule.no for rule in await self._rules.in_force(route.session)]
        else:
            numbers = [_number(wanted)]
        lifted = await self._rules.lift(route.session, numbers)
        if not lifted:
            raise UserFacing("There is no such rule.", "/rules lists them.")
        route.has_control = True
        names = ", ".join(str(rule.no) for rule in lifted)
        await route.say(self._store, message.sender.chat_id, f"Lifted: {names}.")

    async def _set(self, route: Route, message: Message, what: str, hold: Hold) -> None:
        rule = await self._rules.set_hold(route.session, _number(what.strip()), hold)
        if rule is None:
            raise UserFacing("There is no such rule.", "/rules lists them.")
        route.has_control = True
        await route.show(self._store, message.sender.chat_id, rule_card(rule))

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Lifts the rule that the button names; returns the short answer for the owner."""
        if not _is_number(what) or not await self._rules.lift(route.session, [int(what)]):
            return TOO_OLD
        route.has_control = True
        await route.say(self._store, press.sender.chat_id, f"Lifted: {what}.")
        return "Lifted."


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and 0 < len(text) < 10


def _number(text: str) -> int:
    if not _is_number(text.removeprefix("#")):
        raise UserFacing(USAGE)
    return int(text.removeprefix("#"))
