"""What the bot tells Telegram about itself at start: who it is, and its command menu."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from bot.texts import COMMANDS
from core.errors import AgentAIError

if TYPE_CHECKING:
    from bot.ownership import Ownership
    from bot.telegram_api import TelegramApi
    from core.beat import Beat

log = logging.getLogger(__name__)

RETRY_S = 10.0


async def greet_telegram(api: TelegramApi, ownership: Ownership, beat: Beat) -> None:
    """Asks for the bot's name, sets the menu, offers the claim link while nobody owns the bot."""
    while True:
        try:
            me = await api.call("getMe")
            menu = [{"command": name, "description": what} for name, what in COMMANDS]
            await api.call("setMyCommands", commands=menu)
            break
        except AgentAIError as error:
            log.warning("cannot greet telegram yet: %s", error)
            await asyncio.sleep(RETRY_S)
    username = str(me.get("username", "")) if isinstance(me, dict) else ""
    beat.say(f"bot: @{username}")
    await ownership.offer(
        lambda token: f"https://t.me/{username}?start={token}",
        lambda link: beat.say(f"claim: open {link} within 15 minutes to become the owner"),
    )
