"""The lists of tasks in the chat, kept true: the answers to /status and to a bare /cancel.

A list offers to cancel what it shows. When one of its tasks ends, the list is edited, so that no
button stays for what is over; a press on a list that was slower shows it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import which_card
from bot.delivery import text_payload
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.cards import Card
    from bot.outbox_store import OutboxStore
    from core.db import Database, Session
    from core.tasks import Task, TaskStore

SQL = load_queries(__package__ or "bot")
STATUS_KEY, WHICH_KEY = "status:", "which:"


class TaskLists:
    """Edits them. `status` gives the card of /status as of now."""

    def __init__(
        self, *, database: Database, store: OutboxStore, tasks: TaskStore,
        status: Callable[[], Awaitable[Card]], wake_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._tasks = tasks
        self._status = status
        self._wake_outbox = wake_outbox

    async def ended(self, session: Session, task: Task) -> None:
        """In the commit that reports the task: every list that offers to cancel it is edited."""
        rows = await session.fetch(SQL["lists_with_task"], task.chat_id, f'"c:{task.no}"')
        for row in rows:
            await self._edit(session, task.chat_id, row["id"], key=row["key"])

    async def show_again(self, chat_id: int, message_id: int | None) -> None:
        """After a press on it: shows what is true now. Other messages stay as they are."""
        if message_id is None:
            return
        async with self._db.transaction() as session:
            shown = await self._store.shown(session, chat_id, message_id)
            if shown is None or not (shown.key or "").startswith((STATUS_KEY, WHICH_KEY)):
                return
            await self._edit(session, chat_id, shown.id, key=shown.key or "")
        self._wake_outbox()

    async def _edit(self, session: Session, chat_id: int, row_id: int, *, key: str) -> None:
        if key.startswith(STATUS_KEY):
            card = await self._status()
        else:
            card = which_card(await self._tasks.live())
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(session, chat_id, payload, method="edit", edit_of=row_id)
