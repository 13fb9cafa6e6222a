"""One task in its container: the conversation over its line, and the limits that the host enforces.

Whatever ends first ends the task: the worker's `finish`, the owner's cancel, a limit, the
container's death, or a lease that was lost. The end is written down with the fencing token, and
only then the container goes (a cancelled one is killed first). When the host itself is killed in
between, the next one finds the task still held and goes on, or finds an orphan and removes it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import Denied, UserFacing
from core.skill_orders import order_from_json
from core.spawn import held, insist
from core.tasks import Outcome, Step, TaskState
from executors.ending import Ending
from executors.looks import Looks
from executors.outlet import Outlet
from executors.ports import Limits
from executors.protocol import (
    RESULT_CAP,
    AskAccess,
    AskModel,
    AskOwner,
    BeginStep,
    EndStep,
    Finish,
    Progress,
    error_line,
    held_line,
    input_line,
    result_line,
    task_line,
)
from executors.results import WORK_FOLDER, collect, copy_into, safe_name
from executors.skill_files import give_files
from executors.tool_rules import ToolRules
from executors.watch import CANCELLED, DIED, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from core.bus import Bus
    from core.config import Config
    from core.skill_orders import SkillOrder
    from core.tasks import Task, TaskStore
    from core.workspace import Copied
    from executors.model_proxy import ModelProxy
    from executors.outlet import OutletParts
    from executors.packages import Packages
    from executors.ports import Launcher
    from executors.protocol import Request
    from executors.slots import Slot

log = logging.getLogger(__name__)


class Stale(Exception):  # noqa: N818 - a state of the world
    """The task belongs to somebody else by now, or has ended."""


@dataclass(frozen=True, kw_only=True)
class RunParts:
    """What runs are made of; built once."""

    tasks: TaskStore
    bus: Bus
    model: ModelProxy
    launcher: Launcher
    outlet: OutletParts
    results: Path
    cargo: Path
    packages: Packages


class Run:
    """A claimed task in a connected (or, after a restart, returning) container."""

    def __init__(self, parts: RunParts, task: Task, slot: Slot, config: Config) -> None:
        self._p = parts
        self.task = task
        self._slot = slot
        self._config = config
        self._cancelled = asyncio.Event()
        self._inputs_changed = asyncio.Event()
        self._last_input = 0
        self._waits = 0  # for an answer, for an approval
        self.began = asyncio.Event()
        looks = Looks(parts.bus, slot.line, no=task.no, folder=parts.results / str(task.no))
        self.looks = looks if task.box == "browser" else None
        self._outlet = Outlet(parts.outlet, task, config, self._wait_for_owner, looks=self.looks)
        self._order = order_from_json(task.manifest)
        budget = self._outlet.effects.facts.budget()
        self._limit_s = int(min(config.whole("tasks.time_limit_s"), budget.seconds))
        self._usd = budget.cost
        self._tools = ToolRules(self._outlet.effects)
        self._watch = Watch(
            launcher=parts.launcher, slot=slot, limits=Limits.of(config, task.box),
            time_s=self._limit_s, is_waiting=lambda: self._waits > 0,
        )  # fmt: skip

    def cancel(self) -> None:
        """The owner wants it stopped."""
        self._cancelled.set()

    def look_at_inputs(self) -> None:
        """The owner may have said something to it."""
        self._inputs_changed.set()
        self._outlet.effects.wake()

    # --- from start to end ---

    async def start(self, *, is_resumed: bool = False) -> None:
        """Gives the container its task. Raises `Stale` when it is not ours any more.

        A resumed task finds its workspace as it left it: nothing is copied into it again.
        """
        no = self.task.no
        await insist(
            lambda: self._owned(self._p.tasks.attach(no, self.task.fence, slot=self._slot.name))
        )
        await self.open_outlet()
        if self._order is not None:
            await asyncio.to_thread(give_files, self._order, self._p.cargo, self._slot.sock)
            await self._give_packages(self._order)
        if not is_resumed:
            await asyncio.to_thread(self._copy_files)
        copied = await self._copied(is_resumed=is_resumed)
        steps = await insist(lambda: self._p.tasks.steps(no))
        inputs = await insist(lambda: self._p.tasks.inputs(no, after=0))
        self._last_input = max((i.id for i in inputs if i.kind == "steer"), default=0)
        await self._slot.line.send(
            task_line(
                self.task,
                self._config,
                steps=steps,
                inputs=inputs,
                stands=self._outlet.stands,
                copied=copied,
                time_s=self._limit_s,
            )
        )

    async def _give_packages(self, order: SkillOrder) -> None:
        """What the skill's manifest names, before the work begins; a cancel ends the download."""
        if not order.packages:
            return
        giving = self._p.packages.give(order.packages, self._slot.sock, self._say)
        async with (
            held(giving, name=f"packages {self.task.no}") as given,
            held(self._cancelled.wait(), name="cancel") as cancelled,
        ):
            await asyncio.wait({given, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not given.done():
                return  # the task ends as cancelled in a moment
            wheels = await given
        await self._outlet.effects.note_packages(wheels)

    async def _say(self, text: str) -> None:
        """Progress from this side of the line."""
        no, fence = self.task.no, self.task.fence
        await insist(lambda: self._owned(self._p.tasks.report_progress(no, fence, text)))
        await self._tell()

    async def open_outlet(self) -> None:
        """Opens the task's way out; a container that is adopted needs it again."""
        await self._outlet.open(self._slot)

    async def _copied(self, *, is_resumed: bool) -> Copied:
        commits = self._outlet.commits
        if is_resumed and (kept := await commits.copied_before()) is not None:
            return kept
        return await insist(lambda: commits.copy_in(self._slot.work, self._p.launcher.owner_ids()))

    def _copy_files(self) -> None:
        """Nothing in the workspace is followed or replaced: it is the container's."""
        owner = self._p.launcher.owner_ids()
        folder = os.open(self._slot.work, WORK_FOLDER)
        try:
            for file in self.task.files:
                copy_into(folder, safe_name(file.name), file.path, owner=owner)
        finally:
            os.close(folder)

    async def finish(self) -> None:
        """Carries the task to its end and writes that down; the container is gone afterwards.

        A result is written down before its container goes, so that a `kill -9` in between loses
        nothing; only a cancelled container is killed first. Cancelling this coroutine leaves task
        and container as they are, for the next host process to adopt; its way out is cut.
        """
        try:
            await self._finish()
        except BaseException:
            await self._outlet.cut()  # a request that waits for the owner would outlive us
            raise

    async def _finish(self) -> None:
        try:
            end = await self._until_the_end()
        except Stale:
            log.warning("task #%s is not ours any more", self.task.no)
            end = None
        await self._outlet.close()
        if isinstance(end, Ending) or end is CANCELLED:
            await self.remove()  # what it did is staged: it has nothing more to do
        if isinstance(end, Ending):
            end = await self._settled(end)
        if end is not None:
            await self._write_down(end)
        await self.remove()
        await self._slot.delete()
        await self._outlet.commits.discard()

    async def cut(self) -> None:
        """Closes the way out of a task that did not start."""
        await self._outlet.cut()

    async def remove(self) -> None:
        """Kills and removes the container."""
        await insist(lambda: self._p.launcher.remove(self._slot.name))

    async def finish_settling(self, ending: Ending) -> None:
        """Goes on with a task whose container is gone and whose changes wait for the owner."""
        await self._write_down(await self._settled(ending))
        await self._slot.delete()
        await self._outlet.commits.discard()

    async def _settled(self, ending: Ending) -> Outcome:
        """The outcome once its changes are settled, or the owner's cancel before that."""
        async with (
            held(self.settle(ending), name=f"settle {self.task.no}") as settling,
            held(self._cancelled.wait(), name="cancel") as cancelled,
        ):
            await asyncio.wait({settling, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                return await settling
        if settling.cancelled():
            return CANCELLED
        return settling.result()  # the commit had begun, so it went on to its end

    async def _write_down(self, outcome: Outcome) -> None:
        no, fence = self.task.no, self.task.fence
        await insist(lambda: self._p.tasks.finish(no, fence, outcome))
        await insist(lambda: self._p.outlet.effects.approvals.withdraw(no))
        await self._tell()

    async def _until_the_end(self) -> Outcome | Ending:
        async with (
            held(self._converse(), name=f"task {self.task.no}") as conversation,
            held(self._watch.run(), name=f"watch {self.task.no}") as watch,
            held(self._cancelled.wait(), name="cancel") as cancelled,
            held(self._pass_inputs(), name="inputs") as inputs,
            held(self._outlet.keep_books(), name="books"),
        ):
            await asyncio.wait(
                {conversation, watch, cancelled, inputs}, return_when=asyncio.FIRST_COMPLETED
            )
            if cancelled.done():
                return CANCELLED
            if conversation.done():
                return await self._outcome(await conversation)
            if watch.done():
                return await watch
            await inputs
        return DIED

    async def _outcome(self, end: Finish) -> Outcome | Ending:
        target = self._p.results / str(self.task.no)
        files, refused = await asyncio.to_thread(collect, self._slot.work, end.files, target)
        result = f"{end.result}\n\n{refused}" if refused else end.result
        outcome = Outcome(
            state=TaskState.DONE if end.state == "done" else TaskState.FAILED,
            result=result[:RESULT_CAP], reason=end.reason, files=files, exit_code=end.code,
        )  # fmt: skip
        if self.task.is_quiet:
            return outcome  # what it did to its copies of the owner's files is dropped with them
        changes = await self._outlet.commits.stage(self._slot.work)
        if not changes.items and not changes.refused:
            return outcome
        ending = Ending(outcome=outcome, changes=changes)
        seen = self._p.outlet.effects.seen
        await insist(lambda: self._owned(seen.keep_finishing(self.task, ending.to_json())))
        return ending

    async def settle(self, ending: Ending) -> Outcome:
        """Brings the task's changes to the owner's files, asking where needed."""
        note = await self._outlet.commits.settle(ending.changes)
        outcome = ending.outcome
        result = f"{outcome.result}\n\n{note}".strip() if note else outcome.result
        return replace(outcome, result=result[-RESULT_CAP:])

    # --- what the container says ---

    async def _converse(self) -> Finish:
        while True:
            request = await self._slot.line.next_request()
            if isinstance(request.params, Finish):
                return request.params
            await self._slot.line.send(await self._answer(request))

    async def _answer(self, request: Request) -> bytes:
        try:
            return result_line(request.id, await self._carry_out(request))
        except UserFacing as error:
            return error_line(request.id, "model", error.sentence())
        except Denied as error:
            return error_line(request.id, "denied", str(error))

    async def _carry_out(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        no, fence, tasks = self.task.no, self.task.fence, self._p.tasks
        match request.params:
            case BeginStep() as begun:
                await self._tools.check(begun.tool)
                step = Step(index=begun.index, tool=begun.tool, arguments=begun.arguments)
                await insist(lambda: self._owned(tasks.begin_step(no, fence, step)))
                self.began.set()
            case EndStep(index=index, result=result):
                await insist(lambda: self._owned(tasks.end_step(no, fence, index, result)))
            case Progress(text=text):
                await insist(lambda: self._owned(tasks.report_progress(no, fence, text)))
                await self._tell()
            case AskModel() as wanted:
                given = self._tools.shown(wanted)
                return {"message": await insist(lambda: self._p.model.ask(no, given, self._usd))}
            case AskAccess() as asked:
                return {"text": await self._outlet.access(asked)}
            case AskOwner(step=step_no, question=question):
                return {"answer": await self._ask(step_no, question)}
        return True

    async def _wait_for_owner(self, is_waiting: bool) -> None:
        """The task begins or ends to wait for an approval; that time does not count as work."""
        no, fence, tasks = self.task.no, self.task.fence, self._p.tasks
        self._waits += 1 if is_waiting else -1
        write = tasks.await_approval if is_waiting else tasks.approval_over
        await insist(lambda: write(no, fence))
        await self._slot.line.send(held_line(is_waiting))
        await self._tell()

    async def _ask(self, step: int, question: str) -> str:
        self._tools.check_may_ask()
        no, fence, tasks = self.task.no, self.task.fence, self._p.tasks
        self._waits += 1
        try:
            while True:
                inputs = await insist(lambda: tasks.inputs(no, after=0))
                answers = [i for i in inputs if i.kind == "answer" and i.step == step]
                if answers:
                    await insist(lambda: self._owned(tasks.resume_running(no, fence)))
                    await self._tell()
                    return answers[0].text
                await insist(
                    lambda: self._owned(tasks.ask(no, fence, step=step, question=question))
                )
                await self._tell()
                self._inputs_changed.clear()
                await self._inputs_changed.wait()
        finally:
            self._waits -= 1

    @staticmethod
    async def _owned(write: Awaitable[bool]) -> None:
        if not await write:
            raise Stale

    # --- what the owner says ---

    async def _pass_inputs(self) -> None:
        while True:
            await self._inputs_changed.wait()
            if not self._waits:
                self._inputs_changed.clear()
            for item in await insist(
                lambda: self._p.tasks.inputs(self.task.no, after=self._last_input)
            ):
                if item.kind == "steer" and not await self._slot.line.send(input_line(item)):
                    break
                self._last_input = max(self._last_input, item.id)
            await asyncio.sleep(0.1)

    async def _tell(self) -> None:
        await self._p.bus.publish("events", kind="task", no=str(self.task.no))
