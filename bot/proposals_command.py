"""/proposals: skills that the agent would like to add or edit, and what the owner decides.

/proposals              those that wait, with buttons
/proposals all          also those that came to nothing, and why
/proposals N            one, with its buttons
/proposals accept N     installs it      /proposals reject N    it never comes back

    w:a:N:DIGEST accept   w:r:… reject   w:n:… not now   w:u:… undo   w:l:N: show

Threat: a tap or a number accepts another text than the card showed. A proposal's text never changes
once it is written, the buttons name the digest of all files, and the digest is made anew from the
files before anything is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery import text_payload
from bot.proposal_cards import (
    DIGEST_CHARS,
    is_cut,
    list_card,
    new_rights,
    proposal_card,
    self_edit_card,
    whole_file,
)
from bot.render import compose
from bot.skill_cards import is_shown_whole
from core.errors import Retryable, UserFacing
from skills.proposals import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.cards import Card
    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from coordinator.proposal_book import ProposalBook
    from core.db import Session
    from skills.proposals_store import Proposal

GONE = "There is no such proposal."
DECIDED = "That proposal was decided before. /proposals all"
USAGE = "Say which one: /proposals accept 3, or /proposals reject 3."


class ProposalTeller:
    """The `Teller` of `coordinator.proposal_book`: cards and notices in the owner's chat."""

    def __init__(
        self, *, store: OutboxStore, facts: Facts, wake_outbox: Callable[[], None]
    ) -> None:
        self._store = store
        self._facts = facts
        self._wake_outbox = wake_outbox

    async def offer(self, session: Session, proposal: Proposal) -> None:
        """The card, once, and the whole text where the card has no room for it."""
        await self._show(session, proposal_card(proposal), f"proposal:{proposal.id}")
        if is_cut(proposal):
            owner_id, file = await self._owner(), whole_file(proposal)
            key = f"proposal:{proposal.id}:file"
            await self._store.enqueue(session, owner_id, file, method="file", key=key)

    async def installed(self, session: Session, proposal: Proposal) -> None:
        """It is in use; what passed by itself can be undone."""
        if proposal.decided_by == "setting":
            await self._show(session, self_edit_card(proposal), f"proposal:{proposal.id}:self")
            return
        name = proposal.skill
        await self._say(session, f"The skill {name} is installed and active: /skill {name}")

    async def undone(self, session: Session, proposal: Proposal, why_not: str = "") -> None:
        """The former text is back, or it is not."""
        name = proposal.skill
        text = f"{name} is as it was before."
        if why_not:
            text = f"I could not take {name} back: {why_not} /skill history {name} may help."
        await self._say(session, text)

    async def stale(self, session: Session, proposal: Proposal, why: str) -> None:
        """What was accepted could not be put in place."""
        text = f"Proposal {proposal.id} was not installed: {why}\nNothing has changed."
        await self._say(session, text)

    def wake(self) -> None:
        """There is something to send."""
        self._wake_outbox()

    async def _owner(self) -> int:
        owner_id = await self._facts.owner_id()
        if owner_id is None:
            raise Retryable("nobody owns the bot yet", 30)
        return owner_id

    async def _show(self, session: Session, card: Card, key: str) -> None:
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(session, await self._owner(), payload, method="text", key=key)

    async def _say(self, session: Session, text: str) -> None:
        payload = text_payload(compose(text))
        await self._store.enqueue(session, await self._owner(), payload, method="text")


class ProposalsCommand:
    """The command and the buttons; `decided` wakes the installer after the commit."""

    def __init__(
        self, *, book: ProposalBook, store: OutboxStore, decided: Callable[[], None]
    ) -> None:
        self._book = book
        self._store = store
        self._decided = decided

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """/proposals and its forms."""
        chat_id, words = message.sender.chat_id, rest.lower().split()
        match words:
            case [] | ["all"]:
                listed = await self._book.store.listed(is_all=bool(words))
                await route.show(self._store, chat_id, list_card(listed, is_all=bool(words)))
            case ["accept" | "reject" as verb, number]:
                one = await self._need(route, number)
                decide = self._accept if verb == "accept" else self._reject
                await route.say(self._store, chat_id, await decide(route, one))
            case [number]:
                await self._look(route, chat_id, await self._need(route, number))
            case _:
                raise UserFacing(USAGE)

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what a button says; returns the short answer for the owner."""
        kind, _, rest = what.partition(":")
        number, _, digest = rest.partition(":")
        one = await self._book.store.get(_number(number), route.session)
        if one is None:
            return GONE
        if kind == "l":
            await self._look(route, press.sender.chat_id, one)
            return ""
        if len(digest) != DIGEST_CHARS or not one.digest.startswith(digest):
            return GONE
        match kind:
            case "a":
                return await self._accept(route, one)
            case "r":
                return await self._reject(route, one)
            case "u":
                return await self._undo(route, one)
            case _:
                return "It stays open. /proposals shows it again."

    async def _accept(self, route: Route, one: Proposal) -> str:
        if one.state is not State.OFFERED:
            return DECIDED
        if not is_shown_whole(new_rights(one)):
            return "It asks for more than a card can show, so it cannot be accepted."
        if not await self._book.move(route.session, one, State.ACCEPTED, by="owner"):
            return DECIDED
        self._after(route)
        return f"Accepted. {one.skill} is being installed."

    async def _reject(self, route: Route, one: Proposal) -> str:
        is_open = one.state is State.OFFERED
        if not is_open or not await self._book.move(route.session, one, State.REJECTED, by="owner"):
            return DECIDED
        return "Rejected. I will not propose it again."

    async def _undo(self, route: Route, one: Proposal) -> str:
        if one.state is not State.INSTALLED or one.decided_by != "setting":
            return DECIDED
        if not await self._book.move(route.session, one, State.UNDOING):
            return DECIDED
        self._after(route)
        return f"{one.skill} is being put back."

    async def _look(self, route: Route, chat_id: int, one: Proposal) -> None:
        if not one.text:
            raise UserFacing(f"Proposal {one.id} has no text.", "/proposals all says why.")
        await route.show(self._store, chat_id, proposal_card(one))
        if is_cut(one):
            await self._store.enqueue(route.session, chat_id, whole_file(one), method="file")

    async def _need(self, route: Route, number: str) -> Proposal:
        one = await self._book.store.get(_number(number), route.session)
        if one is None:
            raise UserFacing(GONE, USAGE)
        return one

    def _after(self, route: Route) -> None:
        async def tell() -> None:
            self._decided()

        route.later.append(tell)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 0
