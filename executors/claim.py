"""A claimed task: what its host reads of it and writes about it, each time with the fencing token.

Threat: a host that lost its lease goes on and speaks for a task that another one runs by now. So
every write names the token, the database takes only the newest, and `Stale` ends what goes on here.
What is written is insisted on while Postgres is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.spawn import insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.bus import Bus
    from core.tasks import Outcome, Step, Task, TaskInput, TaskStore


class Stale(Exception):  # noqa: N818 - a state of the world
    """The task belongs to somebody else by now, or has ended."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task and the right to write about it. Cancelling a write leaves it done or not done."""

    task: Task
    tasks: TaskStore
    bus: Bus

    async def tell(self) -> None:
        """Announces that the task changed."""
        await self.bus.publish("events", kind="task", no=str(self.task.no))

    async def write(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Does `work`, which returns whether the task is still ours; `Stale` when it is not."""
        if not await insist(work):
            raise Stale

    # --- read ---

    async def steps(self) -> list[Step]:
        """All checkpoints, in order."""
        return await insist(lambda: self.tasks.steps(self.task.no))

    async def inputs(self, *, after: int = 0) -> list[TaskInput]:
        """What the owner said to the task since the input with id `after`."""
        return await insist(lambda: self.tasks.inputs(self.task.no, after=after))

    # --- written while it runs, and announced where a person sees it; `Stale` ends it ---

    async def attach(self, slot: str) -> None:
        """The slot that runs it."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.attach(no, fence, slot=slot))

    async def begin_step(self, step: Step) -> None:
        """Checkpoint before a tool runs."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.begin_step(no, fence, step))

    async def end_step(self, index: int, result: str) -> None:
        """Checkpoint after a tool ran."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.end_step(no, fence, index, result))

    async def progress(self, text: str) -> None:
        """The line that the owner sees of it."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.report_progress(no, fence, text))
        await self.tell()

    async def ask(self, step: int, question: str) -> None:
        """It waits for an answer of the owner."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.ask(no, fence, step=step, question=question))
        await self.tell()

    async def go_on(self) -> None:
        """The answer has come."""
        no, fence = self.task.no, self.task.fence
        await self.write(lambda: self.tasks.resume_running(no, fence))
        await self.tell()

    # --- written whoever it belongs to; the database ignores what is late ---

    async def hold(self, is_waiting: bool) -> None:
        """It begins or ends to wait for an approval."""
        no, fence = self.task.no, self.task.fence
        change = self.tasks.await_approval if is_waiting else self.tasks.approval_over
        await insist(lambda: change(no, fence))

    async def requeue(self) -> None:
        """Gives it back: nothing of it has run."""
        await insist(lambda: self.tasks.requeue(self.task.no, self.task.fence))

    async def finish(self, outcome: Outcome) -> None:
        """Its end."""
        await insist(lambda: self.tasks.finish(self.task.no, self.task.fence, outcome))
