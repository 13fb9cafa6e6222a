"""Edited messages: what the owner says now instead of what they said before.

Threat: text that somebody else wrote becomes the owner's words by being edited. So what was
forwarded stays marked as such, and steers no task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.replies import Replies, source_of
from coordinator.store import NewMessage
from core.tasks import has_ended
from core.tasks.seen import FILE_NOTE, PHOTO_NOTE, TASK_NOTE, notes_of, own_words

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.pieces import Joined, Pieces
    from bot.route import Route
    from bot.rules_command import RulesCommand
    from bot.updates import Message
    from coordinator.store import Conversation
    from core.db import Row
    from core.tasks import Task, TaskStore

TOO_LATE = "#{no} no longer listens, so your correction did not reach it. Please send it anew."
NO_COMMAND = "An edited message gives no command. Please send it as a new one."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fresh:
    """How a kept message reads now, and the message of Telegram's that it began with."""

    text: str
    origin: int
    is_foreign: bool
    is_joined: bool


class Correcting:
    """Brings an edit to what the message led to."""

    rules: RulesCommand | None = None
    pieces: Pieces | None = None

    def __init__(self, *, conversation: Conversation, tasks: TaskStore, store: OutboxStore) -> None:
        self._conversation = conversation
        self._tasks = tasks
        self._store = store
        self._replies = Replies(store=store, tasks=tasks)

    async def edited(self, route: Route, message: Message) -> None:
        """A correction: of what is pending, of the task it led to, or of what was answered."""
        chat_id = message.sender.chat_id
        kept = await self._conversation.find(route.session, chat_id, message.message_id)
        is_foreign = message.is_forwarded or (kept is not None and kept["is_forwarded"])
        if message.text.startswith("/") and not is_foreign:
            await self._command_edited(route, message)
            return
        joined = await self._joined(route, message, kept)
        if joined is not None:
            kept = joined.row
        if kept is None:
            await self._reply_edited(route, message)
            return
        if not (message.text or message.content or joined):
            return
        if kept["is_spoken"]:  # only what was written beside the recording can be edited
            words = kept["text"].rpartition("\n")[2]
            message = replace(message, text=f"{message.text}\n{words}", is_spoken=True)
        fresh = _reads_now(message, kept, joined, is_foreign=is_foreign)
        if fresh.text == kept["text"]:
            return
        if self.rules is not None and not fresh.is_foreign:
            await self.rules.heard(route, message)
        await self._correct(route, message, kept, fresh=fresh)

    async def _correct(self, route: Route, message: Message, kept: Row, *, fresh: _Fresh) -> None:
        """Brings what a kept message says now to where it led: a turn, a task, an answer."""
        chat_id, text = message.sender.chat_id, fresh.text
        is_live = message.is_live  # one that moves all the time never begins its turn anew
        if not is_live and await self._conversation.replace_pending(
            route.session, kept["id"], text
        ):
            route.lanes.add(chat_id)
            return
        if is_live or not (message.text or fresh.is_joined):  # a place that moved on, a poll
            await self._conversation.refresh(route.session, kept["id"], text)
            return
        led_to = await self._tasks.of_origin(chat_id, fresh.origin)
        live = [t for t in led_to if not has_ended(t.state) and t.kind == "agent"]
        if live and not fresh.is_foreign:  # what others wrote steers no task
            whole = replace(message, text=own_words(text)) if fresh.is_joined else message
            await self._correct_tasks(route, whole, live)
            return
        new = NewMessage(
            chat_id=chat_id, text=text, telegram_id=fresh.origin,
            corrects=kept["original"], is_forwarded=fresh.is_foreign, files=tuple(kept["files"]),
            has_foreign=kept["has_foreign"] or message.has_foreign, is_spoken=message.is_spoken,
        )  # fmt: skip
        await self._conversation.add(route.session, new)
        route.lanes.add(chat_id)

    async def _joined(self, route: Route, message: Message, kept: Row | None) -> Joined | None:
        """What a piece of a long paste or of an album belongs to."""
        if self.pieces is None or (kept is not None and kept["is_spoken"]):
            return None
        return await self.pieces.joined(route.session, message)

    async def _reply_edited(self, route: Route, message: Message) -> None:
        """What a reply told a task is told it anew, while it can still hear."""
        about = await self._replies.task_of(route, message)
        if about is None or message.is_forwarded or not message.text:
            return
        if self.rules is not None:
            await self.rules.heard(route, message)
        if about.kind == "agent" and not has_ended(about.state):
            await self._correct_tasks(route, message, [about])
            return
        await route.say(
            self._store, message.sender.chat_id, TOO_LATE.format(no=about.no),
            reply_to=message.message_id,
        )  # fmt: skip

    async def _correct_tasks(self, route: Route, message: Message, live: list[Task]) -> None:
        for task in live:
            text = f"The owner corrected the request. It now reads: {message.text}"
            key = f"{source_of(message)}:{message.update_id}:{task.no}"
            await self._tasks.add_input(route.session, task.no, "steer", text=text, key=key)
        route.has_control = True
        names = ", ".join(f"#{task.no}" for task in live)
        text = f"{names} knows about your correction."
        await route.say(self._store, message.sender.chat_id, text, reply_to=message.message_id)

    async def _command_edited(self, route: Route, message: Message) -> None:
        """An edited /run or /task changes what has not started yet.

        It never starts a second one.
        """
        _, _, written = message.text.partition(" ")
        led_to = await self._tasks.of_origin(message.sender.chat_id, message.message_id)
        if not led_to:
            chat_id, to = message.sender.chat_id, message.message_id
            await route.say(self._store, chat_id, NO_COMMAND, reply_to=to)
        for task in led_to:
            rest = _without_skill(written.strip(), task.skill)
            if task.instructions == rest.strip() or not rest.strip():
                continue
            if await self._tasks.replace_queued(route.session, task.no, instructions=rest.strip()):
                text = f"#{task.no} will run the corrected text."
            elif task.kind == "agent" and not has_ended(task.state):
                await self._correct_tasks(route, message, [task])
                continue
            else:
                text = f"#{task.no} had already started. Send the command again to run it anew."
            chat_id = message.sender.chat_id
            await route.say(self._store, chat_id, text, reply_to=message.message_id)


def _reads_now(message: Message, kept: Row, joined: Joined | None, *, is_foreign: bool) -> _Fresh:
    """What all of it says with the edit."""
    if joined is not None:  # the other pieces stay, and what they led to is about all of them
        return _Fresh(
            text=joined.text, origin=kept["telegram_id"], is_joined=True,
            is_foreign=is_foreign or kept["is_forwarded"],
        )  # fmt: skip
    text = "\n".join(filter(None, [*_notes(message, kept["text"]), message.text]))
    return _Fresh(text=text, origin=message.message_id, is_foreign=is_foreign, is_joined=False)


def _notes(message: Message, kept: str) -> list[str]:
    """The lines of ours about an edited message: its file and its task are the same."""
    has_notes = message.file is not None or message.reply_to is not None
    same = (FILE_NOTE, PHOTO_NOTE, TASK_NOTE)
    ours = [line for line in notes_of(kept) if line.startswith(same)] if has_notes else []
    return [*ours, *message.notes]


def _without_skill(text: str, skill: str) -> str:
    """What follows the skill's name in `/skill NAME WORDS`; all of it for other commands."""
    first, _, rest = text.partition(" ")
    return rest.strip() if skill and first.lower().replace("_", "-") == skill else text
