"""What the bot tells Telegram about itself: who it is, and its command menu.

The menu holds our commands and one for each skill that the owner may call, at most 30 of those.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from bot.cards import short
from bot.texts import COMMANDS
from core.errors import AgentAIError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.ownership import Ownership
    from bot.telegram_api import TelegramApi
    from core.beat import Beat
    from skills.types import Skill

log = logging.getLogger(__name__)

RETRY_S = 10.0
SKILLS_CAP = 30
MENU_CAP = 100  # Telegram takes no more
NAME_CAP = 32
WHAT_CAP = 100
_COMMAND = re.compile(r"[a-z][a-z0-9_]{0,31}")


def command_of(name: str) -> str:
    """A skill's name as a command: hyphens become underscores, at most 32 characters."""
    return name.replace("-", "_")[:NAME_CAP]


def menu_of(skills: Iterable[Skill]) -> tuple[tuple[str, str], ...]:
    """Our commands, then the skills that may be called, as far as there is room."""
    found = dict(COMMANDS)
    for skill in skills:
        name = command_of(skill.name)
        if skill.is_user_invocable and _COMMAND.fullmatch(name) and name not in found:
            found[name] = short(skill.description, WHAT_CAP)
    return tuple(found.items())[: min(MENU_CAP, len(COMMANDS) + SKILLS_CAP)]


class Menu:
    """The menu as it should be, and whether Telegram shows it."""

    def __init__(self, api: TelegramApi) -> None:
        self._api = api
        self._wanted = menu_of(())
        self._shown: tuple[tuple[str, str], ...] | None = None

    def offer(self, skills: Iterable[Skill]) -> None:
        """These skills may be called from now on."""
        self._wanted = menu_of(skills)

    @property
    def is_shown(self) -> bool:
        """Whether Telegram has the newest menu."""
        return self._shown == self._wanted

    async def show(self) -> None:
        """Tells Telegram. Raises what the call raises."""
        wanted = self._wanted
        entries = [{"command": name, "description": what} for name, what in wanted]
        await self._api.call("setMyCommands", commands=entries)
        self._shown = wanted


async def greet_telegram(api: TelegramApi, ownership: Ownership, beat: Beat, menu: Menu) -> None:
    """Asks for the bot's name, sets the menu, offers the claim link while nobody owns the bot."""
    while True:
        try:
            me = await api.call("getMe")
            await menu.show()
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
