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
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import Denied, Retryable, UserFacing
from core.policy.reasons import Reason
from core.skill_orders import order_from_json
from core.spawn import held, insist
from core.tasks import Outcome, Step, TaskState
from executors.ending import Ending
from executors.outlet import Outlet
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
    input_line,
    result_line,
    task_line,
)
from executors.results import WORK_FOLDER, collect, copy_into, safe_name, used_bytes
from executors.skill_files import give_files

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from core.bus import Bus
    from core.config import Config
    from core.tasks import Task, TaskStore
    from core.workspace import Copied
    from executors.model_proxy import ModelProxy
    from executors.outlet import OutletParts
    from executors.ports import Launcher
    from executors.protocol import Request
    from executors.slots import Slot

log = logging.getLogger(__name__)

WATCH_EVERY_S = 1.0
GRACE_S = 5.0  # the worker's own limit comes first: it can still say what it printed
GONE_AFTER_S = 2.0
CANCELLED = Outcome(state=TaskState.CANCELLED, reason="Stopped by you.")
DIED = Outcome(state=TaskState.FAILED, reason="Its container ended unexpectedly.")


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
        self._worked_s = 0.0
        self._waits = 0  # for an answer, for an approval
        self.began = asyncio.Event()
        self._outlet = Outlet(parts.outlet, task, config, self._wait_for_owner)
        self._order = order_from_json(task.manifest)
        budget = self._outlet.effects.facts.budget()
        self._limit_s = int(min(config.whole("tasks.time_limit_s"), budget.seconds))
        self._usd = budget.cost

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
            held(self._watch(), name=f"watch {self.task.no}") as watch,
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
            result=result[:RESULT_CAP], reason=end.reason, files=files,
        )  # fmt: skip
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
                await self._check_tool(begun.tool)
                step = Step(index=begun.index, tool=begun.tool, arguments=begun.arguments)
                await insist(lambda: self._owned(tasks.begin_step(no, fence, step)))
                self.began.set()
            case EndStep(index=index, result=result):
                await insist(lambda: self._owned(tasks.end_step(no, fence, index, result)))
            case Progress(text=text):
                await insist(lambda: self._owned(tasks.report_progress(no, fence, text)))
                await self._tell()
            case AskModel() as wanted:
                given = self._with_tools(wanted)
                return {"message": await insist(lambda: self._p.model.ask(no, given, self._usd))}
            case AskAccess() as asked:
                return {"text": await self._outlet.access(asked)}
            case AskOwner(step=step_no, question=question):
                return {"answer": await self._ask(step_no, question)}
        return True

    async def _check_tool(self, tool: str) -> None:
        """`Denied` for a tool that the task's manifest keeps from its model."""
        if not self._outlet.effects.facts.allows_tool(tool):
            await self._outlet.effects.note_refusal(f"tool:{tool[:60]}", Reason.MANIFEST)
            raise Denied(Reason.MANIFEST, f"The skill's manifest does not hold the tool {tool}.")

    def _with_tools(self, wanted: AskModel) -> AskModel:
        """The model is shown the tools that the manifest holds."""
        allows = self._outlet.effects.facts.allows_tool
        tools = [t for t in wanted.tools if allows(str((t.get("function") or {}).get("name")))]
        return wanted.model_copy(update={"tools": tools})

    async def _wait_for_owner(self, is_waiting: bool) -> None:
        """The task begins or ends to wait for an approval; that time does not count as work."""
        no, fence, tasks = self.task.no, self.task.fence, self._p.tasks
        self._waits += 1 if is_waiting else -1
        write = tasks.await_approval if is_waiting else tasks.approval_over
        await insist(lambda: write(no, fence))
        await self._tell()

    async def _ask(self, step: int, question: str) -> str:
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

    # --- what the host enforces ---

    async def _watch(self) -> Outcome:
        """Ends with the outcome of a limit or of the container's death."""
        limit_s = self._limit_s
        disk = self._config.whole("tasks.disk_mb") * 1024 * 1024
        gone_since: float | None = None
        last = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = time.monotonic()
            self._worked_s += 0.0 if self._waits else now - last
            last = now
            if self._worked_s > limit_s + GRACE_S:
                return _stopped(f"it ran longer than {_span(limit_s)}")
            used = await asyncio.to_thread(used_bytes, self._slot.work, stop_at=disk)
            if used > disk:
                return _stopped(f"it wrote more than {disk // 1024 // 1024} MB")
            if self._slot.line.connected.is_set():
                gone_since = None
                continue
            gone_since = gone_since or now
            if now - gone_since >= GONE_AFTER_S and await self._is_dead():
                return await self._post_mortem()

    async def _is_dead(self) -> bool:
        try:
            found = await self._p.launcher.list()
        except Retryable:
            return False
        return not any(c.slot == self._slot.name and c.is_running for c in found)

    async def _post_mortem(self) -> Outcome:
        try:
            if await self._p.launcher.was_out_of_memory(self._slot.name):
                memory = self._config.whole("tasks.memory_mb")
                return _stopped(f"it used more than {memory} MB of memory")
        except Retryable as error:
            log.info("no post-mortem of task #%s: %s", self.task.no, error)
        return DIED

    async def _tell(self) -> None:
        await self._p.bus.publish("events", kind="task", no=str(self.task.no))


def _span(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds >= 60 else f"{seconds} seconds"


def _stopped(why: str) -> Outcome:
    return Outcome(state=TaskState.FAILED, reason=f"Stopped: {why}.")
