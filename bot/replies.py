"""Which task a message of the owner is about, and where its words come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from core.tasks import Task, TaskStore


class Replies:
    """Finds the task whose message is replied to."""

    def __init__(self, *, store: OutboxStore, tasks: TaskStore) -> None:
        self._store = store
        self._tasks = tasks

    async def task_of(self, route: Route, message: Message) -> Task | None:
        """None when it replies to nothing, or to no task's message."""
        if message.reply_to is None:
            return None
        shown = await self._store.shown(route.session, message.sender.chat_id, message.reply_to)
        if shown is None or shown.task_no is None:
            return None
        return await self._tasks.get(shown.task_no, session=route.session)


def source_of(message: Message) -> str:
    """A key of "update:" makes it the owner's literal words, which a recogniser's are not."""
    return "voice" if message.is_spoken else "update"
