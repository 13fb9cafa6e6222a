"""What the owner says about approvals and grants: buttons, and the commands that do the same.

    /approvals            what waits for a decision, offered again
    /approve N CODE       allow it, once; the code stands on the card
    /deny N               say no
    /grants               what is allowed beyond single actions
    /grant HOST [METHOD…] allow a host for all tasks; without methods: reading; * means everything
    /revoke N             take a grant back

Nothing else ever approves: no ordinary message, no voice note, no forwarded or edited command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.approval_board import card_key
from bot.approval_cards import LETTERS, approval_card, shown
from bot.cards import Card
from bot.delivery import text_payload
from bot.render import compose
from core.approvals import Choice, Given
from core.errors import UserFacing

if TYPE_CHECKING:
    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from core.approvals import Approval, Approvals
    from core.approvals.types import StoredGrant
    from core.policy.action import Json

CHOICES = {letter: choice for choice, letter in LETTERS.items()}
UNKNOWN = "I don't know this card."
DONE = {Choice.ONCE: "Allowed.", Choice.TASK: "Allowed for this task.",
        Choice.ALWAYS: "Allowed for good.", Choice.DENY: "Not allowed."}  # fmt: skip
HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}")
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "*"})
READING = ("GET", "HEAD", "OPTIONS")


class Approving:
    """Takes decisions inside the update's transaction."""

    def __init__(self, *, approvals: Approvals, store: OutboxStore, facts: Facts) -> None:
        self._approvals = approvals
        self._store = store
        self._facts = facts

    # --- buttons ---

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what a card's button says; returns the short answer for the owner."""
        nonce, _, letter = what.partition(":")
        choice = CHOICES.get(letter)
        approval = await self._approvals.by_nonce(route.session, nonce)
        if choice is None or approval is None:
            return UNKNOWN
        given = Given(
            choice=choice, user_id=press.sender.user_id, chat_id=press.sender.chat_id,
            message_id=press.message_id, via="button",
        )  # fmt: skip
        return await self._decide(route, approval, given)

    async def _decide(self, route: Route, approval: Approval, given: Given) -> str:
        key = card_key(approval.id)
        shown_as = await self._store.shown_as(route.session, key)
        card_id = given.message_id if given.message_id in shown_as else None
        refusal = await self._approvals.decide(
            route.session, approval, given, owner_id=await self._facts.owner_id(), card_id=card_id
        )
        route.has_control = True
        return refusal.value if refusal is not None else DONE[given.choice]

    # --- commands ---

    async def approve(self, route: Route, message: Message, rest: str) -> None:
        """/approve N CODE."""
        number, _, code = rest.partition(" ")
        await self._command(route, message, number, Choice.ONCE, code.strip().lower())

    async def deny(self, route: Route, message: Message, rest: str) -> None:
        """/deny N."""
        await self._command(route, message, rest, Choice.DENY, "")

    async def _command(
        self, route: Route, message: Message, number: str, choice: Choice, code: str
    ) -> None:
        approval = await self._approvals.get(_number(number), session=route.session)
        if approval is None:
            raise UserFacing("There is no such card.", "/approvals shows what waits for you.")
        given = Given(
            choice=choice, user_id=message.sender.user_id, chat_id=message.sender.chat_id,
            message_id=message.message_id, via="command", code=code,
        )  # fmt: skip
        text = await self._decide(route, approval, given)
        await route.say(self._store, message.sender.chat_id, text, reply_to=message.message_id)

    async def approvals(self, route: Route, message: Message, _rest: str) -> None:
        """/approvals: every open card, with fresh buttons."""
        chat_id = message.sender.chat_id
        waiting = await self._approvals.pending()
        if not waiting:
            await route.say(self._store, chat_id, "Nothing waits for your approval.")
        for approval in waiting[:10]:
            card = approval_card(approval)
            await self._store.enqueue(
                route.session, chat_id, text_payload(card.piece, keys=card.keys), method="text",
                key=f"{card_key(approval.id)}:again:{message.message_id}",
                task_no=approval.task_no,
            )  # fmt: skip
        route.has_messages = True

    # --- grants ---

    async def grants(self, route: Route, message: Message, _rest: str) -> None:
        """/grants: what is allowed, with a button to take each back."""
        listed = await self._approvals.live_grants()
        await route.show(self._store, message.sender.chat_id, grants_card(listed))

    async def grant(self, route: Route, message: Message, rest: str) -> None:
        """/grant HOST [METHOD…]."""
        host, *methods = rest.lower().split() or [""]
        wanted = {m.strip(",").upper() for m in methods}
        if not HOST.fullmatch(host) or not wanted <= METHODS:
            raise UserFacing(
                "Say which host: /grant api.example.com, or /grant api.example.com GET POST",
                "Without methods it means reading; * means everything on that host.",
            )
        kept = () if "*" in wanted else tuple(sorted({*READING, *wanted}))
        rule: dict[str, Json] = {"host": host, "ports": [443], "methods": list(kept), "paths": []}
        await self._approvals.allow(route.session, rule)
        route.has_control = True
        text = f"All tasks may reach {host} now: {_methods(kept)}. /grants shows it."
        await route.say(self._store, message.sender.chat_id, text)

    async def revoke(self, route: Route, message: Message, rest: str) -> None:
        """/revoke N."""
        text = await self.taken_back(route, _number(rest))
        await route.say(self._store, message.sender.chat_id, text)

    async def taken_back(self, route: Route, number: int) -> str:
        """Takes a grant back; says so."""
        route.has_control = True
        if await self._approvals.revoke(route.session, number):
            return f"Grant {number} is taken back."
        return f"There is no grant {number}."


def _number(text: str) -> int:
    wanted = text.strip().removeprefix("#")
    if not wanted.isdecimal() or len(wanted) > 9:
        raise UserFacing("Say its number: /approve 3 CODE, /deny 3, /revoke 3.")
    return int(wanted)


def _methods(methods: tuple[str, ...] | list[str]) -> str:
    if not methods:
        return "everything, without looking inside"
    return "reading" if set(methods) <= set(READING) else ", ".join(methods)


def grants_card(listed: tuple[StoredGrant, ...]) -> Card:
    """The answer to /grants."""
    if not listed:
        text = "Nothing is allowed beyond single approvals. Tasks work without the internet."
        return Card(piece=compose(text))
    parts: list[str | tuple[str, str]] = [("bold", "What is allowed")]
    for one in listed[:30]:
        everyone = f"every task of the skill {one.skill}" if one.skill else "all tasks"
        until = f"task #{one.task_no}" if one.task_no else everyone
        parts += [
            "\n\n",
            ("bold", str(one.id)),
            f" {_grant(one)}\n{until}, since {one.created_at:%Y-%m-%d}",
        ]
    keys = tuple(((f"Revoke {one.id}", f"g:{one.id}"),) for one in listed[:12])
    return Card(piece=compose(*parts), keys=keys)


def _grant(one: StoredGrant) -> str:
    if one.kind == "host":
        ports = ",".join(str(p) for p in _list(one.rule.get("ports")) if p != 443)
        methods = [str(m) for m in _list(one.rule.get("methods"))]
        return f"{shown(one.rule['host'])}{':' + ports if ports else ''}: {_methods(methods)}"
    kind, _, what = str(one.rule.get("scope", "")).partition(":")
    if kind == "secret":
        name, _, place = what.partition(":")
        return f"secret {shown(name)} at {shown(place.removesuffix(':443'))}"
    return f"{kind}: {shown(what)}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
