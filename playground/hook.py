"""Webhook mode: updates are pushed, in order, until the bot answers 2xx.

Source: the Bot API's `setWebhook`. Telegram wants HTTPS; for a bot on this computer plain HTTP to a
loopback address is accepted here, too.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from core.spawn import Spawner
from playground.validation import ApiError, bad

if TYPE_CHECKING:
    from playground.updates import UpdateQueue

RETRY_S = 0.2
RETRY_CAP_S = 30.0
ANSWER_WITHIN_S = 60.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Hook:
    """Delivers to one address."""

    def __init__(self, updates: UpdateQueue) -> None:
        self._updates = updates
        self._spawner = Spawner()
        self.url = ""
        self.secret = ""
        self._error = ""
        self._error_at = 0

    async def set(self, url: str, secret: str) -> None:
        """Begins to deliver to `url`; the poll that waits ends."""
        _check(url, secret)
        await self.remove()
        self.url, self.secret = url, secret
        self._updates.end_poll(ApiError(409, "Conflict: terminated by setWebhook request"))
        self.resume()

    def resume(self) -> None:
        """Delivers, if there is an address."""
        if self.url:
            self._spawner.spawn(self._deliver(), name="webhook")

    async def remove(self) -> None:
        """Stops delivering and forgets the address."""
        await self.close()
        self.url = self.secret = self._error = ""
        self._error_at = 0

    async def close(self) -> None:
        """Stops delivering; what was under way may have arrived or not."""
        await self._spawner.close()

    def as_api(self) -> dict[str, Any]:
        """The Bot API's `WebhookInfo`."""
        info: dict[str, Any] = {
            "url": self.url, "has_custom_certificate": False,
            "pending_update_count": len(self._updates.pending),
        }  # fmt: skip
        if self.url:
            info["max_connections"] = 40
        if self._updates.allowed:
            info["allowed_updates"] = sorted(self._updates.allowed)
        if self._error:
            info |= {"last_error_date": self._error_at, "last_error_message": self._error}
        return info

    async def _deliver(self) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.secret} if self.secret else {}
        pause = RETRY_S
        limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
            while True:
                self._updates.news.clear()
                if not self._updates.pending:
                    await self._updates.news.wait()
                    continue
                if await self._push(session, self._updates.pending[0]):
                    pause = RETRY_S
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, RETRY_CAP_S)

    async def _push(self, session: aiohttp.ClientSession, update: dict[str, Any]) -> bool:
        try:
            async with session.post(self.url, json=update, allow_redirects=False) as answer:
                is_taken = 200 <= answer.status < 300
                trouble = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError) as error:
            is_taken = False
            trouble = "Connection failed" if str(error) else "Read timeout expired"
        if is_taken:
            self._updates.take(update)
        else:
            self._error, self._error_at = trouble, int(time.time())
        return is_taken


def _check(url: str, secret: str) -> None:
    try:
        parts = urlsplit(url)
        is_local = parts.scheme == "http" and parts.hostname in LOOPBACK
        is_usable = bool(parts.hostname) and (parts.scheme == "https" or is_local)
        is_usable = is_usable and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if secret and not SECRET.fullmatch(secret):
        raise bad("secret token contains unallowed characters")
