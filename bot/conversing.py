"""Ordinary messages, replies to tasks, documents: what the owner says.

Threat: text that somebody else or the model wrote becomes the owner's words. So what we add stands
on lines of its own, which `core.tasks.seen` leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.cards import short
from bot.files import MAX_BYTES, too_big
from bot.pictures import is_picture
from bot.pieces import TOO_BIG_NOTE
from bot.replies import Replies, source_of
from bot.texts import UNKNOWN_KIND
from coordinator.store import NewMessage
from core.tasks import TaskState, answer_key, has_ended
from core.tasks.seen import FILE_NOTE, PHOTO_NOTE, TASK_NOTE

if TYPE_CHECKING:
    from bot.files import FileStore
    from bot.looking import Looking
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.rules_command import RulesCommand
    from bot.updates import Message
    from coordinator.store import Conversation
    from core.tasks import Task, TaskStore

CHECKS_FILE = "HEARTBEAT.md"  # sent back: it gets a card, and the model has no part in that
NEAR_LIMIT = 4000  # Telegram cuts what the owner pastes at 4,096 units
CONTINUES_WITHIN_S = 1.5
ALBUM_WITHIN_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filed:
    """What became of a message's file: our line about it, and its number when it will come."""

    line: str = ""
    number: int | None = None


class Listening(Protocol):
    """Who makes words of what the owner said aloud."""

    async def arrived(self, route: Route, message: Message) -> bool:
        """Whether the message is a recording, which is dealt with there."""


class Conversing:
    """Keeps messages for the coordinator, or hands them to the task they belong to."""

    listening: Listening | None = None
    rules: RulesCommand | None = None
    looking: Looking | None = None

    def __init__(
        self, *, conversation: Conversation, tasks: TaskStore, store: OutboxStore, files: FileStore
    ) -> None:
        self._conversation = conversation
        self._tasks = tasks
        self._store = store
        self._files = files
        self._replies = Replies(store=store, tasks=tasks)
        self._without_held: set[int] = set()  # chats in which no paste waits for its continuation

    # --- new messages ---

    async def message(self, route: Route, message: Message) -> None:
        """A new message that is no command; speech is listened to first."""
        if self.listening is None or not await self.listening.arrived(route, message):
            await self.take(route, message)

    async def take(self, route: Route, message: Message) -> None:
        """A message as it is: what was spoken has become text by now."""
        if self.rules is not None:
            await self.rules.heard(route, message)
        about = await self._replies.task_of(route, message)
        is_own = not (message.file or message.content or message.is_forwarded)
        if about is not None and not has_ended(about.state) and is_own and message.text:
            if self.looking is not None and await self.looking.said_to(about, message.text):
                return  # the picture is the answer
            await self._tell_task(route, message, about)
            return
        if not (message.text or message.file or message.content):
            await self._not_understood(route, message)
            return
        filed = await self._file(route, message)
        lines = [filed.line, *message.notes, message.text]
        if filed.number is None and not message.content and not message.text:
            return  # the refusal of its file was the answer
        if message.file is not None and message.file.name == CHECKS_FILE and not message.text:
            return  # the card about it is the answer
        if about is not None:
            lines.insert(0, f"{TASK_NOTE}#{about.no}: {short(about.title, 80)}]")
        await self._keep(route, message, "\n".join(filter(None, lines)), filed)

    async def _not_understood(self, route: Route, message: Message) -> None:
        """Says so; what Telegram itself reports, such as a pinned message, needs no answer."""
        if message.unknown:
            text = UNKNOWN_KIND.format(kind=message.unknown)
            await route.say(self._store, message.sender.chat_id, text, reply_to=message.message_id)

    async def _tell_task(self, route: Route, message: Message, task: Task) -> None:
        key = f"{source_of(message)}:{message.update_id}"
        if await self._answers(route, message, task):
            text = f"#{task.no} has your answer."
        elif task.kind == "shell":
            text = f"#{task.no} is a plain command and does not listen. /cancel {task.no} stops it."
        else:
            said = _with_quote(message)
            await self._tasks.add_input(route.session, task.no, "steer", text=said, key=key)
            text = f"#{task.no} was told."
        route.has_control = True
        chat_id = message.sender.chat_id
        await route.say(self._store, chat_id, text, reply_to=message.message_id)

    async def _answers(self, route: Route, message: Message, task: Task) -> bool:
        """Whether this is the answer to the task's open question; a question has one answer."""
        step = task.question_step
        if task.state is not TaskState.WAITING or step is None:
            return False
        key = answer_key(task.no, step)
        return await self._tasks.add_input(
            route.session, task.no, "answer", text=message.text, step=step, key=key
        )

    async def _file(self, route: Route, message: Message) -> _Filed:
        """Notes the message's file, to be fetched soon; says why when it is too big."""
        if message.file is None:
            return _Filed()
        chat_id, sent = message.sender.chat_id, message.file
        refusal = too_big(sent) if sent.size > MAX_BYTES else None
        number = await self._files.add(route.session, message, error=refusal)
        if refusal is not None:
            await route.say(self._store, chat_id, refusal, reply_to=message.message_id)
            return _Filed(line=f"{FILE_NOTE}{sent.name}{TOO_BIG_NOTE}")
        route.has_files = True
        note = PHOTO_NOTE if is_picture(sent.name, sent.mime) else FILE_NOTE
        return _Filed(line=f"{note}{number}: {sent.name}, {sent.size} bytes]", number=number)

    async def keep_file(self, route: Route, message: Message) -> None:
        """A file that asks for no answer: it is fetched, and the model may read of it later."""
        filed = await self._file(route, message)
        if filed.line:
            chat_id = message.sender.chat_id
            new = NewMessage(chat_id=chat_id, text=filed.line, role="event")
            await self._conversation.add(route.session, new)

    async def _keep(self, route: Route, message: Message, text: str, filed: _Filed) -> None:
        chat_id, session = message.sender.chat_id, route.session
        route.lanes.add(chat_id)
        is_cut = len(message.text) >= NEAR_LIMIT and not message.is_spoken
        hold_s = CONTINUES_WITHIN_S if is_cut else 0.0
        new = NewMessage(
            chat_id=chat_id, text=text, telegram_id=message.message_id, reply_to=message.reply_to,
            album=message.album, hold_s=ALBUM_WITHIN_S if message.album else hold_s,
            is_forwarded=message.is_forwarded, is_spoken=message.is_spoken,
            files=() if filed.number is None else (filed.number,),
            has_foreign=message.has_foreign or bool(filed.line),  # its name is not the owner's
        )  # fmt: skip
        if message.album is not None:
            if await self._conversation.join_album(session, new):
                return
        elif (
            text == message.text  # nothing of ours may slip into the middle of theirs
            and not message.is_forwarded
            and not message.is_spoken
            and await self._continues(route, chat_id, text, hold_s)
        ):
            return
        if hold_s:
            self._without_held.discard(chat_id)
        await self._conversation.add(session, new)

    async def _continues(self, route: Route, chat_id: int, text: str, hold_s: float) -> bool:
        """Joins the continuation of a split paste to the piece that waits for it."""
        if chat_id in self._without_held:
            return False
        newest = await self._conversation.newest_pending(route.session, chat_id)
        if newest is None or not newest["is_held"]:
            self._without_held.add(chat_id)
            return False
        return await self._conversation.append_pending(
            route.session, newest["id"], text=text, hold_s=hold_s
        )


def _with_quote(message: Message) -> str:
    """What a task is told: the owner's words, and what they quoted of the task's."""
    quoted = [line for line in message.context if line.startswith("[quoting")]
    return "\n".join([*quoted, message.text])
