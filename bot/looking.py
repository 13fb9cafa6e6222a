"""/look: what a task's browser shows now, and pictures on their way into the chat.

A look lives only in Redis: one that is lost is asked for again. The picture comes out of a
container, so its caption says that. It goes as a photo, which Telegram draws anew; what is none
for Telegram goes as a file. On this machine it is deleted once it was sent; what a kill left behind
is swept away after the next start.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.delivery import FilePayload, text_payload
from bot.pictures import how_shown, shape_of
from bot.render import compose
from core.errors import UserFacing
from core.tasks import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from core.bus import Bus
    from core.tasks import Task, TaskStore

USAGE = "Say which task: /look 3. It shows what the task's browser sees now."
NOT_NOW = "I cannot ask the task now."
NEW_S = 60.0  # a picture younger than this may be on its way
_PICTURE = re.compile(r"look-[0-9a-f]{12}\.jpg")
_SHOW_ME = re.compile(
    r"(?:(?:please|ok|and|can you|could you|now)[ ,]+)*"
    r"(?:show me|let me (?:see|look)|what do you see|what does (?:it|the page) look like|/?look)"
    r"(?: (?:it|this|that|what you see|what you are doing|"
    r"(?:at )?(?:the |your )?(?:page|browser|screen|picture|screenshot|site)))?"
    r"(?: (?:right )?now)?(?:,? please)?[ .!?]*",
    re.IGNORECASE,
)


def wants_look(text: str) -> bool:
    """Whether these words, said to a task, only ask to see its browser."""
    return _SHOW_ME.fullmatch(" ".join(text.split())) is not None


class Looking:
    """Asks for pictures and passes them on. `announce` is for entries of the events stream."""

    def __init__(
        self, *, tasks: TaskStore, store: OutboxStore, bus: Bus,
        results: Path, wake_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        self._tasks = tasks
        self._store = store
        self._bus = bus
        self._results = results
        self._wake_outbox = wake_outbox

    async def look(self, route: Route, _message: Message, rest: str) -> None:
        """/look."""
        await self._ask(await self._wanted(rest.strip().removeprefix("#")))
        del route  # the picture is the answer

    async def said_to(self, task: Task, text: str) -> bool:
        """Takes "show me", said to a task with a browser; False when it says something else."""
        is_look = task.box == "browser" and not has_ended(task.state) and wants_look(text)
        if is_look:
            await self._ask(task)
        return is_look

    async def _ask(self, task: Task) -> None:
        if not await self._bus.publish("control", kind="look", no=str(task.no)):
            raise UserFacing(NOT_NOW, "Please try again in a moment.")

    async def _wanted(self, number: str) -> Task:
        if not number:
            live = [task for task in await self._tasks.live() if task.box == "browser"]
            if len(live) != 1:
                raise UserFacing(USAGE)
            return live[0]
        if not number.isdecimal() or len(number) > 9:
            raise UserFacing(USAGE)
        task = await self._tasks.get(int(number))
        if task is None:
            raise UserFacing(f"There is no task #{number}.")
        if task.box != "browser":
            raise UserFacing(f"#{number} has no browser, so there is nothing to see.")
        if has_ended(task.state):
            raise UserFacing(f"#{number} has ended, and its browser is gone.")
        return task

    async def announce(self, event_id: str, fields: Mapping[str, str]) -> None:
        """Puts a picture, or the reason why there is none, into the chat; each event once."""
        number = fields.get("no", "")
        task = await self._tasks.get(int(number)) if number.isdecimal() else None
        if task is None:
            return
        caption = f"#{task.no} {fields.get('caption', '')}"
        key = f"look:{event_id}"
        path = self._inside(fields.get("path", ""), task)
        if path is None:
            payload = text_payload(compose(caption), reply_to=task.origin_message_id)
            await self._store.enqueue_alone(
                task.chat_id, payload, method="text", key=key, task_no=task.no
            )
        else:
            picture = FilePayload(
                filename=path.name, caption=caption, path=str(path),
                reply_to=task.origin_message_id, is_passing=True,
            )  # fmt: skip
            shape = await asyncio.to_thread(shape_of, path)
            await self._store.enqueue_alone(
                task.chat_id, picture, method=how_shown(shape), key=key, task_no=task.no
            )
        self._wake_outbox()

    async def sweep(self) -> None:
        """Deletes pictures that nobody will send any more."""
        there = await asyncio.to_thread(_pictures, self._results, before=time.time() - NEW_S)
        if there:
            waiting = await self._store.passing_paths()
            await asyncio.to_thread(_discard, [path for path in there if str(path) not in waiting])

    def _inside(self, path: str, task: Task) -> Path | None:
        """The picture's path, if it lies among what this task handed over."""
        found = Path(path)
        return found if path and found.parent == self._results / str(task.no) else None


def _pictures(results: Path, *, before: float) -> list[Path]:
    """Pictures of looks that are older; what tasks handed over themselves is called otherwise."""
    found = []
    for path in results.glob("*/look-*.jpg"):
        with suppress(OSError):
            if _PICTURE.fullmatch(path.name) and path.lstat().st_mtime < before:
                found.append(path)
    return found


def _discard(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
