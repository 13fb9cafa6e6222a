"""The tasks that this host works on, each from its claim to its end.

`take` begins with a claimed one, `adopt` goes on with one whose container still runs, `settle` with
one that only waits for its changes to be settled. A mistake of ours ends the task: none is left
running that nobody looks after.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from core.errors import AgentAIError, UserFacing
from core.spawn import insist
from core.tasks import Outcome, TaskState
from core.wake import Wake
from executors.claim import Stale
from executors.packages import NoPackages
from executors.ports import Limits
from executors.run import Run

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from core.config import ConfigStore
    from core.spawn import Spawner
    from core.tasks import Task, TaskNo
    from executors.box_images import Preparations
    from executors.ending import Ending
    from executors.pool import Pool
    from executors.run import RunParts
    from executors.slots import Slot

log = logging.getLogger(__name__)

CLAIM_EVERY_S = 1.0
REFILL_AFTER_S = 1.0
TRY_AGAIN_S = 2.0
MISTAKE = "An internal error ended it. The executor's log says more."


class Runs:
    """Of one host. `room` is set when there may be room for another task.

    `mine` holds what was claimed and is worked on by this process.
    """

    def __init__(
        self, parts: RunParts, pool: Pool, *, config: ConfigStore, boxes: Preparations,
        spawner: Spawner,
    ) -> None:  # fmt: skip
        self._p = parts
        self._pool = pool
        self._config = config
        self._boxes = boxes
        self._spawner = spawner
        self._runs: dict[TaskNo, Run] = {}
        self.mine: set[TaskNo] = set()
        self.room = Wake(CLAIM_EVERY_S)

    # --- what reaches those that run ---

    def __bool__(self) -> bool:
        return bool(self._runs) or bool(self._boxes)

    def cancel(self, numbers: Collection[TaskNo]) -> None:
        """The owner wants these stopped; of others nothing is known here."""
        for no in numbers:
            if no in self._runs:
                self._runs[no].cancel()
            self._boxes.stop(no)

    def look_at_inputs(self) -> None:
        """The owner may have said something to one of them."""
        for run in self._runs.values():
            run.look_at_inputs()

    def show(self, wanted: Collection[str]) -> None:
        """The owner wants to see what the browsers of these tasks show."""
        for no, run in self._runs.items():
            if run.looks is not None and str(no) in wanted:
                self._spawner.spawn(run.looks.show(), name=f"look {no}")

    # --- ways to begin ---

    def take(self, task: Task, *, name: str | None = None) -> None:
        """Begins with a task; `name` is the slot whose workspace a resumed one goes on with."""
        self.mine.add(task.no)
        self._spawn(task, self._begin(task, name=name))

    async def adopt(self, task: Task, slot: Slot) -> None:
        """Goes on with a task whose container still runs."""
        await slot.prepare(self._p.launcher.owner_ids())
        run = Run(self._p, task, slot, await self._config.current())
        await run.open_outlet()
        self._go(run)

    async def settle(self, task: Task, slot: Slot, ending: Ending) -> None:
        """Goes on with a task that has no container any more, only changes to settle."""
        await self._p.launcher.remove(slot.name)
        run = Run(self._p, task, slot, await self._config.current())
        self._runs[task.no] = run
        self._spawn(task, self._carry(run, run.finish_settling(ending)))

    async def end_by_mistake(self, task: Task) -> None:
        """Ends a task and whatever runs of it."""
        self._runs.pop(task.no, None)
        known = await insist(lambda: self._p.tasks.get(task.no))
        if known is not None and known.slot is not None:
            slot = self._pool.slot(known.slot)
            await insist(lambda: self._p.launcher.remove(slot.name))
            await slot.delete()
        await self._end(task, Outcome(state=TaskState.FAILED, reason=MISTAKE))

    # --- one task's way ---

    def _spawn(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        self._spawner.spawn(self._guard(task, work), name=f"task {task.no}")

    async def _guard(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:  # the gate around one task's work
            log.exception("task #%s is ended by a mistake of ours", task.no)
            await self.end_by_mistake(task)

    async def _begin(self, task: Task, *, name: str | None) -> None:
        """Gets a container for a claimed task and runs it to its end."""
        config = await insist(self._config.current)
        limits, box = Limits.of(config, task.box), task.box
        try:
            if (ended := await self._boxes.ready(task)) is not None:
                await self._end(task, ended)
                return
            slot = await (
                self._pool.start(limits, name=name, box=box) if name
                else self._pool.take(limits, box)
            )  # fmt: skip
        except AgentAIError as error:
            await self._give_back(task, error)
            return
        run = Run(self._p, task, slot, config)
        self._runs[task.no] = run
        try:
            await run.start(is_resumed=name is not None)
        except (Stale, OSError, UserFacing) as error:
            self._runs.pop(task.no, None)
            await run.cut()
            await self._pool.discard(slot)
            await self._not_started(task, error)
            return
        await self._p.claim(task).tell()
        self._go(run)

    async def _give_back(self, task: Task, error: AgentAIError) -> None:
        log.warning("no container for task #%s: %s", task.no, error)
        await asyncio.sleep(TRY_AGAIN_S)
        await self._p.claim(task).requeue()
        self.mine.discard(task.no)
        self._pool.lacking.set()

    async def _not_started(self, task: Task, error: Exception) -> None:
        if isinstance(error, Stale):
            self.mine.discard(task.no)
            return
        await self._end(task, Outcome(state=TaskState.FAILED, reason=_why(error)))

    async def _end(self, task: Task, outcome: Outcome) -> None:
        """The end of a task that has no run."""
        claim = self._p.claim(task)
        await claim.finish(outcome)
        self.mine.discard(task.no)
        await claim.tell()

    def _go(self, run: Run) -> None:
        self._runs[run.task.no] = run
        self._spawn(run.task, self._carry(run, run.finish()))
        self._spawner.spawn(self._refill_soon(run), name="refill")

    async def _carry(self, run: Run, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._runs.pop(run.task.no, None)
            self.room.set()
        self.mine.discard(run.task.no)

    async def _refill_soon(self, run: Run) -> None:
        """A new warm container is started once the task is at work: it should not wait for that."""
        try:
            async with asyncio.timeout(REFILL_AFTER_S):
                await run.began.wait()
        except TimeoutError:
            pass
        self._pool.lacking.set()


def _why(error: Exception) -> str:
    """Why a task could not be given what it needs."""
    if isinstance(error, NoPackages):
        return error.sentence()
    why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
    return f"A file for it could not be copied: {why}."
