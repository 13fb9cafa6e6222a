"""The queue of updates: they stay until a poll with a greater offset confirms them.

Source: the Bot API's `getUpdates`. At most one poll waits; a newer one ends it with 409.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from playground.validation import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Kinds that a bot gets only when it asks for them by name.
ONLY_WHEN_ASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


def terminated() -> ApiError:
    """What the older of two parallel polls hears."""
    return ApiError(
        409,
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running",
    )


def has_webhook() -> ApiError:
    """What a poll hears while updates are pushed."""
    return ApiError(
        409,
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first",
    )


class UpdateQueue:
    """Updates in order. `news` is set whenever one was added; `changed` is told of every change."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self.pending: list[dict[str, Any]] = []
        self.next_id = 100_000
        self.duplicates = 0  # so many answers repeat their last update
        self.allowed: frozenset[str] = frozenset()  # empty: the default kinds
        self.news = asyncio.Event()
        self._poller: asyncio.Future[None] | None = None

    def allow(self, kinds: Iterable[str]) -> None:
        """From now on only these kinds are queued; none means the default ones."""
        self.allowed = frozenset(kinds)

    def add(self, **kind: Any) -> int:  # noqa: ANN401 - an update's one field
        """A new update; returns its id, or 0 when the bot does not want this kind."""
        if any(not self._is_wanted(name) for name in kind):
            return 0
        self.next_id += 1
        self.pending.append({"update_id": self.next_id, **kind})
        self.news.set()
        self._changed()
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)
        return self.next_id

    def _is_wanted(self, name: str) -> bool:
        return name in self.allowed if self.allowed else name not in ONLY_WHEN_ASKED

    async def poll(self, *, offset: int, limit: int, timeout_s: float) -> list[dict[str, Any]]:
        """One getUpdates. Cancelling it (the client hung up) confirms nothing further."""
        self.end_poll(terminated())
        self._confirm(offset)
        if not self.pending and timeout_s > 0:
            await self._wait(timeout_s)
        return self._deliver(limit)

    def end_poll(self, reason: ApiError) -> None:
        """The poll that waits, if any, ends with this refusal."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(reason)
        self._poller = None

    async def _wait(self, timeout_s: float) -> None:
        """Until there is news, or the time is up; raises when the poll was ended."""
        me = self._poller = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({me}, timeout=timeout_s)
            if me.done():
                me.result()
            if self._poller is not me:  # woken, but a newer poll came before this one ran
                raise terminated()
        finally:
            if self._poller is me:
                self._poller = None
            if not me.cancel() and not me.cancelled():
                me.exception()  # seen, also when the client hung up in the same moment

    def take(self, update: dict[str, Any]) -> None:
        """This update was pushed and has arrived."""
        self.pending = [u for u in self.pending if u is not update]
        self._changed()

    def clear(self) -> None:
        """Forgets what waits."""
        self.pending = []
        self._changed()

    def _confirm(self, offset: int) -> None:
        before = len(self.pending)
        if offset > 0:
            self.pending = [u for u in self.pending if u["update_id"] >= offset]
        elif offset < 0:
            self.pending = self.pending[offset:]
        if len(self.pending) != before:
            self._changed()

    def _deliver(self, limit: int) -> list[dict[str, Any]]:
        found = self.pending[:limit]
        if self.duplicates and found:
            self.duplicates -= 1
            found = [*found, found[-1]][:limit]
        return found
