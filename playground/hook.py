"""Webhook mode: updates are pushed, in order, until the bot answers 2xx."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from playground.updates import UpdateQueue

LOOK_EVERY_S = 0.02
RETRY_S = 0.2


class Hook:
    """Delivers to one address."""

    def __init__(self, updates: UpdateQueue) -> None:
        self._updates = updates
        self._task: asyncio.Task[None] | None = None
        self.url = ""

    async def set(self, url: str, secret: str) -> None:
        """Begins to deliver to `url`."""
        await self.close()
        self.url = url
        work = self._deliver(url, secret)
        self._task = asyncio.get_running_loop().create_task(work, name="webhook")

    async def close(self) -> None:
        """Stops delivering."""
        self.url = ""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _deliver(self, url: str, secret: str) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                if not self._updates.pending:
                    await asyncio.sleep(LOOK_EVERY_S)
                    continue
                update = self._updates.pending[0]
                try:
                    async with session.post(url, json=update) as answer:
                        ok = 200 <= answer.status < 300
                except aiohttp.ClientError:
                    ok = False
                if ok:
                    self._updates.pending = [u for u in self._updates.pending if u is not update]
                else:
                    await asyncio.sleep(RETRY_S)
