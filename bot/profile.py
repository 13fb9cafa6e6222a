"""The bot's own profile at Telegram: read for an export, set on the owner's tap.

Setting the same value twice does no harm, so a call whose answer was lost is made again by the next
tap. Telegram limits how often a name may change; what it refuses is told, and the rest still done.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.telegram_api import Flooded, InputProfilePhotoStatic, Refused
from core.errors import AgentAIError, Retryable
from skills.profile import CAPS, BotProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.telegram_api import TelegramApi

WITHIN_S = 20.0
UPLOAD_WITHIN_S = 30.0
METHODS = {"name": "Name", "about": "ShortDescription", "description": "Description"}
FIELDS = {"name": "name", "about": "short_description", "description": "description"}


class ProfileDesk:
    """Reads and sets the profile."""

    def __init__(self, api: TelegramApi) -> None:
        self._api = api

    async def read(self) -> BotProfile | None:
        """The profile as Telegram has it; None when it cannot be asked now."""
        try:
            async with asyncio.timeout(WITHIN_S):
                texts = {part: await self._text(part) for part in CAPS}
                return BotProfile(**texts, picture=await self._picture())
        except (AgentAIError, TimeoutError, OSError):
            return None

    async def _text(self, part: str) -> str:
        answer = await self._api.call(f"getMy{METHODS[part]}")
        return str(answer.get(FIELDS[part], "")) if isinstance(answer, dict) else ""

    async def _picture(self) -> bytes:
        me = await self._api.call("getMe")
        found = await self._api.call("getUserProfilePhotos", user_id=me["id"], limit=1)
        photos = found.get("photos") if isinstance(found, dict) else None
        if not photos:
            return b""
        largest = max(photos[0], key=lambda size: size.get("width", 0))
        with TemporaryDirectory(prefix="agentai-") as folder:
            target = Path(folder) / "picture"
            await self._api.download(largest["file_id"], target)
            return target.read_bytes()

    async def apply(self, profile: BotProfile) -> str:
        """Sets each part that is given; one sentence on what was done and what was not."""
        done: list[str] = []
        failed: list[str] = []
        for part, value in profile.texts().items():
            why = await self._tried(f"setMy{METHODS[part]}", {FIELDS[part]: value})
            (failed if why else done).append(f"{part} ({why})" if why else part)
        if profile.picture:
            photo = {"photo": InputProfilePhotoStatic(profile.picture)}
            why = await self._tried("setMyProfilePhoto", photo)
            (failed if why else done).append(f"picture ({why})" if why else "picture")
        told = f"The bot has a new {_listed(done)}." if done else "The bot's profile is as it was."
        return f"{told} Not changed: {'; '.join(failed)}." if failed else told

    async def _tried(self, method: str, fields: Mapping[str, object]) -> str:
        """Why a call had no effect; empty if it had."""
        try:
            async with asyncio.timeout(UPLOAD_WITHIN_S):
                await self._api.call(method, timeout_s=UPLOAD_WITHIN_S, **fields)
        except Flooded as error:
            return f"Telegram allows it again in {_span(error.after_s)}; tap then"
        except Refused as error:
            return f"Telegram says {error}"
        except (Retryable, TimeoutError):
            return "Telegram did not answer; tap again"
        return ""


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _span(seconds: float) -> str:
    hours, minutes = int(seconds // 3600), int(seconds // 60)
    return f"{hours} hours" if hours > 1 else f"{minutes} minutes" if minutes > 1 else "a minute"
