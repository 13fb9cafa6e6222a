"""The queue of updates: they stay until a poll with a greater offset confirms them."""

from __future__ import annotations

import asyncio
from typing import Any

from playground.validation import ApiError

TERMINATED = ApiError(
    409,
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running",
)
HAS_WEBHOOK = ApiError(
    409,
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first",
)


class UpdateQueue:
    """Updates in order. At most one poll waits; a newer one ends it with 409."""

    def __init__(self) -> None:
        self.pending: list[dict[str, Any]] = []
        self.next_id = 100_000
        self.duplicates = 0
        self._poller: asyncio.Future[None] | None = None
        self._news = asyncio.Event()

    def add(self, **kind: Any) -> int:  # noqa: ANN401 - an update's one field
        """A new update; returns its id."""
        self.next_id += 1
        self.pending.append({"update_id": self.next_id, **kind})
        self._news.set()
        return self.next_id

    async def poll(self, *, offset: int, limit: int, timeout_s: float) -> list[dict[str, Any]]:
        """One getUpdates. Cancelling it (the client hung up) confirms nothing further."""
        self._confirm(offset)
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(TERMINATED)
        me = self._poller = asyncio.get_running_loop().create_future()
        try:
            deadline = asyncio.get_running_loop().time() + timeout_s
            while not self.pending:
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                await self._wait(me, left)
            if me.done():
                me.result()
            return self._deliver(limit)
        finally:
            if self._poller is me:
                self._poller = None
            if not me.done():
                me.cancel()
            elif not me.cancelled():
                me.exception()

    async def _wait(self, me: asyncio.Future[None], seconds: float) -> None:
        self._news.clear()
        news: asyncio.Future[Any] = asyncio.get_running_loop().create_task(self._news.wait())
        try:
            await asyncio.wait({news, me}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        if me.done():
            me.result()

    def _confirm(self, offset: int) -> None:
        if offset > 0:
            self.pending = [u for u in self.pending if u["update_id"] >= offset]
        elif offset < 0:
            self.pending = self.pending[offset:]

    def _deliver(self, limit: int) -> list[dict[str, Any]]:
        found = self.pending[:limit]
        if self.duplicates and found:
            self.duplicates -= 1
            found = [*found, found[-1]][:limit]
        return found
