"""How the owner hears about documents: one message each, edited while a long one is taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery import text_payload
from bot.render import compose

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.outbox_store import OutboxStore
    from core.db import Session


class DocsNotices:
    """The port `Notices` of the knowledge base over the outbox."""

    def __init__(self, *, store: OutboxStore, wake_outbox: Callable[[], None]) -> None:
        self._store = store
        self._wake_outbox = wake_outbox

    async def say(self, session: Session, chat_id: int, text: str) -> None:
        """A message of its own."""
        await self._store.enqueue(session, chat_id, text_payload(compose(text)), method="text")

    async def show(self, session: Session, chat_id: int, text: str, *, card: int | None) -> int:
        """One message that is edited; returns its number for the next edit."""
        payload = text_payload(compose(text))
        if card is None:
            row = await self._store.enqueue(session, chat_id, payload, method="text")
            return row or 0
        if not await self._store.replace_queued(session, card, payload):
            await self._store.enqueue(session, chat_id, payload, method="edit", edit_of=card)
        return card

    def wake(self) -> None:
        """To be called after a commit."""
        self._wake_outbox()
