"""Keeps what the chat shows of tasks equal to what the tasks are.

Each task has one progress message, edited at most every 1.5 s; at its end that is one short line,
and the result is a new message. All of it is derived from Postgres: what is shown is compared with
what should be, so a crash, a lost event or a Telegram outage only delays it. Results are reported
exactly once: the mark and the outbox rows are one commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cards import progress_card, question_card, result_event, result_markdown
from bot.delivery import AlbumPayload, FilePayload, TextPayload, edit_call, text_payload
from bot.pictures import albums, how_shown, shape_of
from bot.render import render
from bot.telegram_api import Refused
from coordinator.store import NewMessage
from core.tasks import has_ended
from core.wake import Wake

if TYPE_CHECKING:
    from bot.delivery import Method
    from bot.outbox import Outbox
    from bot.outbox_store import OutboxStore
    from bot.pacing import Pacer
    from bot.task_lists import TaskLists
    from bot.telegram_api import TelegramApi
    from coordinator.store import Conversation
    from core.db import Database, Session
from core.tasks import Task, TaskStore

log = logging.getLogger(__name__)

EDIT_EVERY_S = 1.5
LOOK_EVERY_S = 2.0
PIECES_IN_CHAT = 2  # a longer result is sent as a document with its beginning in the chat
EVENT_CAP = 4_000


class Announcer:
    """Shows the progress message of a new task; part of the transaction that queues it."""

    def __init__(self, *, store: OutboxStore, tasks: TaskStore) -> None:
        self._store = store
        self._tasks = tasks

    async def announce(self, session: Session, no: int) -> None:
        """Enqueues the progress message as a reply to the message that asked for the task."""
        task = await self._tasks.get(no, session=session)
        if task is None:
            return
        card = progress_card(task)
        payload = text_payload(card.piece, keys=card.keys, reply_to=task.origin_message_id)
        await self._store.enqueue(
            session, task.chat_id, payload, method="text", key=card_key(no), task_no=no
        )


def card_key(no: int) -> str:
    """The outbox key of a task's progress message."""
    return f"task:{no}:card"


class Board:
    """Run `step` forever; `wake` when a task changed."""

    lists: TaskLists | None = None

    def __init__(
        self, *, database: Database, tasks: TaskStore, conversation: Conversation,
        store: OutboxStore, outbox: Outbox, api: TelegramApi, pacer: Pacer,
    ) -> None:  # fmt: skip
        self._db = database
        self._tasks = tasks
        self._conversation = conversation
        self._store = store
        self._outbox = outbox
        self._api = api
        self._pacer = pacer
        self._news = Wake(LOOK_EVERY_S)
        self._edited_at: dict[int, float] = {}

    def wake(self) -> None:
        """A task may have changed."""
        self._news.set()

    async def step(self) -> None:
        """Waits for a change (or two seconds) and brings the chat up to date."""
        await self._news.wait()
        for task in await self._tasks.unreported():
            await self._report(task)
        if await self._refresh_cards():
            await asyncio.sleep(EDIT_EVERY_S / 3)
            self._news.set()

    # --- results ---

    async def _report(self, task: Task) -> None:
        async with self._db.transaction() as session:
            if not await self._tasks.mark_reported(session, task.no):
                return
            markdown = result_markdown(task)
            await self._enqueue_result(session, task, markdown)
            said = result_event(task)[:EVENT_CAP]
            event = NewMessage(chat_id=task.chat_id, role="event", text=said)
            await self._conversation.add(session, event)
            if self.lists is not None:
                await self.lists.ended(session, task)
        self._outbox.wake()

    async def _enqueue_result(self, session: Session, task: Task, markdown: str) -> None:
        rendered = render(markdown)
        pieces = rendered.pieces
        if len(pieces) > PIECES_IN_CHAT or rendered.attachments:
            ending = "md" if task.kind == "agent" else "txt"
            whole = FilePayload(
                filename=f"result-{task.no}.{ending}", caption=f"#{task.no} the whole result",
                content=b64encode((task.result or "").encode()).decode(),
                reply_to=task.origin_message_id,
            )  # fmt: skip
            await self._put(session, task, "whole", whole, method="file")
            pieces = pieces[:1]
        for index, piece in enumerate(pieces):
            payload = text_payload(piece, reply_to=task.origin_message_id)
            await self._put(session, task, f"result:{index}", payload)
        await self._enqueue_files(session, task)

    async def _enqueue_files(self, session: Session, task: Task) -> None:
        """Pictures as photos, several as an album; what is too large for that, and others, whole.

        The keys are those of the files, so that a further report puts nothing twice.
        """
        files = [
            FilePayload(
                filename=file.name, caption=f"#{task.no} {file.name}", path=file.path,
                reply_to=task.origin_message_id,
            )
            for file in task.result_files
        ]  # fmt: skip
        shapes = [await asyncio.to_thread(shape_of, Path(f.path)) for f in task.result_files]
        shown = [how_shown(shape) for shape in shapes]
        photos = [index for index, how in enumerate(shown) if how == "photo"]
        for group in albums(shapes[index].size for index in photos):
            members = [photos[position] for position in group]
            together = tuple(files[index] for index in members)
            what = f"file:{members[0]}"
            if len(together) > 1:
                album = AlbumPayload(photos=together, reply_to=task.origin_message_id)
                await self._put(session, task, what, album, method="album")
            else:
                await self._put(session, task, what, together[0], method="photo")
        for index, how in enumerate(shown):
            if how != "photo":
                await self._put(session, task, f"file:{index}", files[index], method=how)

    async def _put(  # noqa: PLR0913, RUF100 - a row's parts
        self, session: Session, task: Task, what: str,
        payload: TextPayload | FilePayload | AlbumPayload, *, method: Method = "text",
    ) -> None:  # fmt: skip
        await self._store.enqueue(
            session,
            task.chat_id,
            payload,
            task_no=task.no,
            key=f"task:{task.no}:{what}",
            method=method,
        )

    # --- progress messages and questions ---

    async def _refresh_cards(self) -> bool:
        """Edits what looks different from how it should; True when an edit had to wait."""
        numbers = await self._store.unfinished_cards()
        if not numbers:
            self._edited_at.clear()
            return False
        shown_as = await self._store.card_messages([card_key(no) for no in numbers])
        has_waiting = False
        for no in numbers:
            task = await self._tasks.get(no)
            if task is None:
                continue
            if task.question is not None:
                await self._ask(task)
            message_id = shown_as.get(no)
            if message_id is not None:
                has_waiting |= not await self._refresh(task, message_id)
        return has_waiting

    async def _ask(self, task: Task) -> None:
        card = question_card(task)
        payload = text_payload(card.piece, reply_to=task.origin_message_id)
        key = f"task:{task.no}:ask:{task.question_step}"
        added = await self._store.enqueue_alone(
            task.chat_id, payload, method="text", key=key, task_no=task.no
        )
        if added:
            self._outbox.wake()

    async def _refresh(self, task: Task, message_id: int) -> bool:
        card = progress_card(task)
        payload = text_payload(card.piece, keys=card.keys)
        shown = f"{task.state}:{_digest(payload)}"
        if shown == (task.card_shown or f"queued:{_digest(payload)}"):
            return True
        now = asyncio.get_running_loop().time()
        due = self._edited_at.get(task.no, -EDIT_EVERY_S) + EDIT_EVERY_S
        if now < due or self._pacer.wait_s(task.chat_id, now=now) > 0:
            return False
        self._edited_at[task.no] = now
        self._pacer.take(task.chat_id, now=now)
        try:
            await self._api.call("editMessageText", **edit_call(payload, task.chat_id, message_id))
        except Refused as error:
            if "not modified" not in str(error):
                log.info("progress message of #%s is gone: %s", task.no, error)
                shown = "gone" if has_ended(task.state) else shown
        await self._tasks.set_card_shown(task.no, shown)
        return True


def _digest(payload: TextPayload) -> str:
    return hashlib.sha256(payload.model_dump_json().encode()).hexdigest()[:16]
