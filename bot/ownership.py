"""How the owner becomes the owner: a one-time link, valid for 15 minutes."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.gate import CLAIM_VALID_S, may_claim
from bot.texts import WELCOME
from bot.updates import split_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message

log = logging.getLogger(__name__)


class Ownership:
    """Offers the link and grants the claim. Everyone without the link gets silence."""

    def __init__(self, *, facts: Facts, store: OutboxStore) -> None:
        self._facts = facts
        self._store = store

    async def offer(self, link_to: Callable[[str], str], tell: Callable[[str], None]) -> None:
        """While nobody owns the bot: tells a fresh link every 15 minutes. Ends with the claim."""
        while await self._facts.owner_id() is None:
            tell(link_to(await self._facts.new_claim()))
            deadline = asyncio.get_running_loop().time() + CLAIM_VALID_S - 5
            while asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(2)
                if await self._facts.owner_id() is not None:
                    return

    async def try_claim(self, route: Route, message: Message) -> None:
        """Makes the sender of `/start <token>` the owner when the token is right."""
        command = split_command(message.text)
        if command is None or command[0] != "start" or message.is_edit:
            return
        claim = await self._facts.claim(route.session)
        now = datetime.now(UTC)
        if not may_claim(message.sender, command[1], owner_id=None, claim=claim, now=now):
            return
        if await self._facts.take_ownership(route.session, message.sender.user_id):
            log.info("the bot has an owner now")
            chat_id = message.sender.chat_id
            await route.say(self._store, chat_id, WELCOME, is_markdown=True)
