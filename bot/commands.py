"""The owner's commands.

They answer from Postgres, without the coordinator, whatever else goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.board import Announcer
from bot.cards import Card, short, status_card, which_card
from bot.stopping import PAUSED, RESUME_KEYS
from bot.task_lists import STATUS_KEY, WHICH_KEY
from bot.texts import (
    FIRST_STEP,
    NEW_TALK,
    NO_HOST,
    RUN_USAGE,
    TASK_NEEDS_MODEL,
    TASK_USAGE,
    WELCOME,
    help_text,
)
from core.errors import UserFacing
from core.models import routes
from core.pause import pause_now
from core.sql import load_queries
from core.tasks import NewTask, TaskFile, TaskState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.files import FileStore
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from coordinator.store import Conversation
    from core.config import ConfigStore
    from core.db import Database, Session
    from core.tasks import Box, Task, TaskStore
    from core.tasks.types import TaskKind

    Handler = Callable[[Route, Message, str], Awaitable[None]]

SQL = load_queries(__package__ or "bot")


def box_of(rest: str) -> tuple[Box, str]:
    """What kind of container `/task` asks for, and the work: `/task browser: …`. Pure."""
    word, colon, text = rest.partition(":")
    if colon and word.strip().lower() == "browser":
        return "browser", text.strip()
    return "executor", rest


class Commands:
    """One method a command; `handle` finds it by name. `other` knows commands that come and go."""

    other: Callable[[str], Handler | None] | None = None

    def __init__(
        self, *, database: Database, tasks: TaskStore, store: OutboxStore, config: ConfigStore,
        conversation: Conversation, files: FileStore, more: Mapping[str, Handler],
    ) -> None:  # fmt: skip
        self._db = database
        self._tasks = tasks
        self._store = store
        self._config = config
        self._conversation = conversation
        self._files = files
        self._announcer = Announcer(store=store, tasks=tasks)
        self._by_name: dict[str, Handler] = {
            "start": self._start, "help": self._help, "status": self._status,
            "cancel": self._cancel, "run": self._run, "task": self._task, "new": self._new,
            **more,
        }  # fmt: skip

    async def handle(self, route: Route, message: Message, name: str, rest: str) -> None:
        """Does what `/name rest` asks for. `UserFacing` says what was wrong with it."""
        command = self._by_name.get(name) or (self.other(name) if self.other else None)
        if command is None:
            raise UserFacing(f"I don't know /{name[:40]}.", "/help lists what I can do.")
        await command(route, message, rest)

    async def _start(self, route: Route, message: Message, _rest: str) -> None:
        has_model = bool(routes(await self._config.current(), "coordinator"))
        text = WELCOME if has_model else f"{WELCOME}\n\n{FIRST_STEP}"
        await route.say(self._store, message.sender.chat_id, text, is_markdown=True)

    async def _help(self, route: Route, message: Message, _rest: str) -> None:
        await route.say(self._store, message.sender.chat_id, help_text(), is_markdown=True)

    async def _new(self, route: Route, message: Message, _rest: str) -> None:
        await self._conversation.forget(route.session, message.sender.chat_id)
        await route.say(self._store, message.sender.chat_id, NEW_TALK)

    # --- status and cancel ---

    async def status(self) -> Card:
        """The card of /status as of now."""
        live = await self._tasks.live()
        today = await self._db.fetchval(SQL["spent"])
        is_paused = (await pause_now(self._db)).is_paused
        trouble = "\n".join(filter(None, (await self._trouble(), PAUSED if is_paused else "")))
        card = status_card(live, now=datetime.now(UTC), trouble=trouble, today=today)
        return replace(card, keys=(*card.keys, *RESUME_KEYS)) if is_paused else card

    async def _trouble(self) -> str:
        """Why tasks wait, or nothing when an executor is at work."""
        hosts = await self._tasks.hosts()
        if not hosts:
            return NO_HOST
        return "" if any(host.status == "ready" for host in hosts) else hosts[0].detail

    async def _status(self, route: Route, message: Message, _rest: str) -> None:
        key = f"{STATUS_KEY}{message.update_id}"
        await route.show(self._store, message.sender.chat_id, await self.status(), key=key)

    async def _cancel(self, route: Route, message: Message, rest: str) -> None:
        chat_id = message.sender.chat_id
        wanted = rest.strip().lower().removeprefix("#")
        if not wanted and message.reply_to is not None:
            shown = await self._store.shown(route.session, chat_id, message.reply_to)
            wanted = str(shown.task_no) if shown and shown.task_no else ""
        live = await self._tasks.live()
        if not wanted and len(live) > 1:
            key = f"{WHICH_KEY}{message.update_id}"
            await route.show(self._store, chat_id, which_card(live), key=key)
            return
        numbers = _to_cancel(wanted, live)
        words = [await self.cancel(route, no) for no in numbers]
        if text := "\n".join(w for w in words if w):
            await route.say(self._store, chat_id, text)

    async def cancel(self, route: Route, no: int) -> str:
        """Cancels one task; says in one sentence what happens.

        Empty when it had not started: its end is then reported at once.
        """
        state = await self._tasks.request_cancel(route.session, no)
        route.has_control = True
        if state is None:
            known = await self._tasks.get(no, session=route.session)
            return f"#{no} had already ended." if known else f"There is no task #{no}."
        return "" if state is TaskState.CANCELLED else f"Stopping #{no}."

    async def cancel_all(self, route: Route) -> str:
        """Cancels everything that is queued or runs."""
        live = await self._tasks.live()
        if not live:
            return "Nothing is running."
        words = [await self.cancel(route, task.no) for task in live]
        return "\n".join(w for w in words if w)

    # --- tasks ---

    async def _run(self, route: Route, message: Message, rest: str) -> None:
        if not rest:
            raise UserFacing(RUN_USAGE)
        await self._queue(route, message, "shell", rest)

    async def _task(self, route: Route, message: Message, rest: str) -> None:
        if not routes(await self._config.current(), "executor"):
            raise UserFacing(TASK_NEEDS_MODEL)
        box, text = box_of(rest)
        if not text:
            raise UserFacing(TASK_USAGE)
        await self._queue(route, message, "agent", text, box)

    async def _queue(  # noqa: PLR0913, RUF100 - a task's parts
        self, route: Route, message: Message, kind: TaskKind, text: str, box: Box = "executor"
    ) -> None:
        chat_id = message.sender.chat_id
        title = short(text, 120)
        new = NewTask(kind=kind, title=title, instructions=text, chat_id=chat_id, box=box)
        await self.queue(route, message, new)

    async def queue(self, route: Route, message: Message, new: NewTask) -> None:
        """Adds a task that a command asks for, with the files of its message, and shows it."""
        chat_id = message.sender.chat_id
        files = await self._files_of(route.session, message)
        new = replace(new, origin_message_id=message.message_id, files=files)
        no = await self._tasks.add(route.session, new)
        await self._announcer.announce(route.session, no)
        route.has_queued = route.has_messages = True
        if trouble := await self._trouble():
            await route.say(self._store, chat_id, trouble)

    async def _files_of(self, session: Session, message: Message) -> tuple[TaskFile, ...]:
        """The files of the message itself and of the one it replies to."""
        chat_id = message.sender.chat_id
        if message.file is not None:
            raise UserFacing(
                "Please send the document first, then reply to it with the command.",
                "I need a moment to fetch it.",
            )
        if message.reply_to is None:
            return ()
        stored = await self._files.of_message(session, chat_id, message.reply_to)
        waiting = [f for f in stored if f.path is None]
        if waiting:
            raise UserFacing(waiting[0].error or f"{waiting[0].name} is still being fetched.")
        return tuple(TaskFile(name=f.name, path=f.path) for f in stored if f.path)


def _to_cancel(wanted: str, live: tuple[Task, ...]) -> list[int]:
    if wanted == "all" or (not wanted and len(live) == 1):
        if not live:
            raise UserFacing("Nothing is running.")
        return [task.no for task in live]
    if not wanted:
        raise UserFacing("Nothing is running.")
    if not wanted.isdecimal() or len(wanted) > 9:
        raise UserFacing("Say which task to stop: /cancel 3, or /cancel all.")
    return [int(wanted)]
