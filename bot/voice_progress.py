"""Tells the owner how far the download of a speech model is, by editing one message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.delivery import TextPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.outbox_store import OutboxStore
    from bot.voice_store import Note
    from core.db import Database, Session

QUARTERS = (0, 25, 50, 75, 100)
EDITED_WITHIN_S = 60.0  # nobody is told of an edit: later, the failure is a message of its own


class ModelProgress:
    """`tell` is called as often as one likes; the chat shows quarters."""

    def __init__(
        self, *, database: Database, store: OutboxStore, wake_outbox: Callable[[], None]
    ) -> None:
        self._db = database
        self._store = store
        self._wake_outbox = wake_outbox
        self._news = asyncio.Event()
        self._model = ""
        self._share = 0.0
        self._began_at = 0.0

    def tell(self, model: str, share: float) -> None:
        """So much of `model` is there."""
        self._model, self._share = model, share
        self._news.set()

    async def follow(self, note: Note) -> None:
        """Shows what is told while `note` waits. Cancelling leaves the message as it is."""
        self._news.clear()
        self._began_at = asyncio.get_running_loop().time()
        shown = -1
        while True:
            await self._news.wait()
            self._news.clear()
            if (reached := quarter(self._share)) > shown:
                shown = reached
                await self._show(note, reached)

    async def promised(self, session: Session, note: Note) -> int | None:
        """The outbox row that promised to listen soon, when that was a moment ago."""
        age_s = asyncio.get_running_loop().time() - self._began_at
        if not self._model or age_s > EDITED_WITHIN_S:
            return None
        row = await self._store.by_key(session, f"model:{self._model}:{note.update_id}")
        return int(row["id"]) if row is not None else None

    async def _show(self, note: Note, percent: int) -> None:
        key = f"model:{self._model}:{note.update_id}"
        payload = TextPayload(text=sentence(self._model, percent), reply_to=note.telegram_id)
        async with self._db.transaction() as session:
            first = await self._store.by_key(session, key)
            if first is None:
                await self._store.enqueue(session, note.chat_id, payload, method="text", key=key)
            else:
                await self._store.enqueue(
                    session, note.chat_id, payload, method="edit", key=f"{key}:{percent}",
                    edit_of=first["id"],
                )  # fmt: skip
        self._wake_outbox()


def quarter(share: float) -> int:
    """The last quarter that was reached, in percent. Pure."""
    return max(q for q in QUARTERS if q <= max(share, 0.0) * 100)


def sentence(model: str, percent: int) -> str:
    """What the owner reads. Pure."""
    if percent >= 100:
        return f"The speech model {model} is here. I listen now."
    return f"I fetch the speech model {model} first; this happens once. {percent} % is here."
