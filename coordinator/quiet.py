"""Work of the agent's own in containers: queued, waited for, and never shown to the owner.

Parsing a document, a check's command, the trial of a proposal. A quiet task gets nothing beyond the
manifest it is given (none at all without one), asks nobody, and changes none of the owner's files;
its money and its effects are counted and written down as those of any other.

Crash semantics: the task is queued in a transaction of its own. Killed after that, it runs to its
end or to its time limit with nobody waiting, and is forgotten a day later.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import Denied, Retryable
from core.manifests import grant_to_json
from core.pause import hold_pause
from core.policy import Budget, Grant
from core.spawn import insist, to_the_end
from core.tasks import TaskState, has_ended

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.bus import Bus
    from core.db import Database
    from core.tasks import NewTask, ResultFile, Task, TaskNo, TaskStore

log = logging.getLogger(__name__)

FIRST_NO = 1_000_000_001  # the numbers of quiet tasks begin here
LOOK_EVERY_S = 1.0  # the fallback for lost wake-ups
END_WITHIN_S = 20.0  # from the wish to stop a task until nobody waits for it any more
STOP_WITHIN_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a quiet task ended.

    `output` is what its command printed or its agent answered; `files` lie on this machine for a
    day (a shell task hands over what it leaves in `out`). `reason` says why it did not end well.
    """

    no: TaskNo
    state: TaskState
    exit_code: int | None = None
    output: str = ""
    files: tuple[ResultFile, ...] = ()
    reason: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it ended well: a command, with exit code 0."""
        return self.state is TaskState.DONE


class QuietTasks:
    """Runs them. Call `wake` when an executor host has announced a change."""

    def __init__(self, *, database: Database, tasks: TaskStore, bus: Bus) -> None:
        self._db = database
        self._tasks = tasks
        self._bus = bus
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Some task changed."""
        self._news.set()
        self._news = asyncio.Event()

    async def run(
        self, new: NewTask, *, timeout_s: float, unasked_since: datetime | None = None
    ) -> Ended:
        """Queues the task and waits for its end, at most `timeout_s`; then it is stopped.

        `unasked_since` is for what nobody asked for: `Denied` when all such work was stopped since
        then. Raises `Retryable` when it cannot be queued. Cancelling stops the task.
        """
        no = await self._queue(_bounded(new, timeout_s), unasked_since)
        try:
            await self._bus.wake_tasks()
            async with asyncio.timeout(timeout_s):
                return await self._end_of(no)
        except TimeoutError:
            log.warning("quiet task %s took longer than %s s", no, timeout_s)
            return await self._stopped(no, timeout_s)
        except asyncio.CancelledError:
            await to_the_end(self._stop(no))
            raise

    async def discard_left(self, results: Path) -> None:
        """Deletes what ended tasks left below `results`; call it before the first one runs."""
        for no in await asyncio.to_thread(_quiet_folders, results):
            task = await self._tasks.get(no)
            if task is not None and task.is_quiet and has_ended(task.state):
                await asyncio.to_thread(shutil.rmtree, results / str(no), ignore_errors=True)

    async def _queue(self, new: NewTask, unasked_since: datetime | None) -> TaskNo:
        async with self._db.transaction() as session:
            if unasked_since and (await hold_pause(session)).stops(unasked_since):
                raise Denied("stopped", "The agent does nothing by itself until you say /resume.")
            return await self._tasks.add(session, new)

    async def _end_of(self, no: TaskNo) -> Ended:
        while True:
            news = self._news
            task = await insist(lambda: self._tasks.get(no))
            if task is None or has_ended(task.state):
                return _ended(no, task)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await news.wait()

    async def _stopped(self, no: TaskNo, timeout_s: float) -> Ended:
        why = f"It took longer than {timeout_s:g} seconds."
        await self._stop(no)
        try:
            async with asyncio.timeout(END_WITHIN_S):
                return replace(await self._end_of(no), reason=why)
        except TimeoutError:
            return Ended(no=no, state=TaskState.UNKNOWN, reason=why)

    async def _stop(self, no: TaskNo) -> None:
        """Wishes the end of a task; when Postgres is away its own time limit ends it."""
        try:
            async with asyncio.timeout(STOP_WITHIN_S), self._db.transaction() as session:
                await self._tasks.request_cancel(session, no)
        except (Retryable, TimeoutError) as error:
            log.warning("quiet task %s could not be stopped: %s", no, error)
            return
        await self._bus.publish("control", kind="tasks")


def _quiet_folders(results: Path) -> list[int]:
    names = (path.name for path in results.iterdir()) if results.is_dir() else ()
    return [int(name) for name in names if name.isdecimal() and len(name) == len(str(FIRST_NO))]


def discard_files(ended: Ended) -> None:
    """Deletes what the task handed over, for a caller that wants none of it. Blocks."""
    for file in ended.files:
        with suppress(OSError):
            Path(file.path).unlink(missing_ok=True)
    for folder in {Path(file.path).parent for file in ended.files}:
        if folder.name == str(ended.no):
            with suppress(OSError):  # something else lies there
                folder.rmdir()


def _bounded(new: NewTask, timeout_s: float) -> NewTask:
    """The task as a quiet one that ends by itself when nobody waits for it any more."""
    manifest: Mapping[str, Any] = new.manifest or grant_to_json(Grant(budget=Budget()))
    budget = dict(manifest["budget"])
    seconds = max(1, math.ceil(timeout_s))
    budget["seconds"] = min(int(budget["seconds"]), seconds)
    return replace(new, is_quiet=True, manifest={**manifest, "budget": budget})


def _ended(no: TaskNo, task: Task | None) -> Ended:
    if task is None:  # forgotten while nobody looked
        return Ended(no=no, state=TaskState.UNKNOWN, reason="Nobody knows any more.")
    return Ended(
        no=no, state=task.state, exit_code=task.exit_code, output=task.result or "",
        files=task.result_files, reason=task.reason or "",
    )  # fmt: skip
