"""One task from its start in a container to its end, and the limits that the host enforces.

Whatever ends first ends the task: the worker's `finish`, the owner's cancel, a limit, the
container's death, or a lease that was lost. The end is written down with the fencing token, and
only then the container goes (a cancelled one is killed first). When the host itself is killed in
between, the next one finds the task still held and goes on, or finds an orphan and removes it.

    Provisions  what it is given before it begins
    Dialogue    what its container asks for
    Hearing     what its owner says
    Outlet      what leaves the container
    Watch       its limits
    Closing     how its end is written down
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.skill_orders import order_from_json
from core.spawn import held, insist
from executors.claim import Claim, Stale
from executors.closing import Closing
from executors.dialogue import Dialogue
from executors.ending import Ending
from executors.hearing import Hearing
from executors.looks import Looks
from executors.outlet import Outlet
from executors.ports import Limits
from executors.protocol import task_line
from executors.provisions import Provisions
from executors.tool_rules import ToolRules
from executors.watch import CANCELLED, DIED, Watch

if TYPE_CHECKING:
    from pathlib import Path

    from core.bus import Bus
    from core.config import Config
    from core.tasks import Outcome, Task, TaskStore
    from core.workspace import Copied
    from executors.model_proxy import ModelProxy
    from executors.outlet import OutletParts
    from executors.packages import Packages
    from executors.ports import Launcher
    from executors.slots import Slot

log = logging.getLogger(__name__)


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

    def claim(self, task: Task) -> Claim:
        """The right to write about `task`."""
        return Claim(task=task, tasks=self.tasks, bus=self.bus)


class Run:
    """A claimed task in a connected (or, after a restart, returning) container."""

    def __init__(self, parts: RunParts, task: Task, slot: Slot, config: Config) -> None:
        self._p = parts
        self.task = task
        self._slot = slot
        self._config = config
        self._claim = parts.claim(task)
        self._cancelled = asyncio.Event()
        self._hearing = Hearing(self._claim, slot.line)
        results = parts.results / str(task.no)
        looks = Looks(parts.bus, slot.line, no=task.no, folder=results)
        self.looks = looks if task.box == "browser" else None
        self._outlet = Outlet(parts.outlet, task, config, self._hearing.hold, looks=self.looks)
        budget = self._outlet.effects.facts.budget()
        self._limit_s = int(min(config.whole("tasks.time_limit_s"), budget.seconds))
        self._dialogue = Dialogue(
            claim=self._claim, line=slot.line, hearing=self._hearing, outlet=self._outlet,
            tools=ToolRules(self._outlet.effects), model=parts.model, usd=budget.cost,
        )  # fmt: skip
        self._watch = Watch(
            launcher=parts.launcher, slot=slot, limits=Limits.of(config, task.box),
            time_s=self._limit_s, is_waiting=lambda: self._hearing.is_waiting,
        )  # fmt: skip
        self._closing = Closing(
            claim=self._claim, outlet=self._outlet, effects=parts.outlet.effects,
            work=slot.work, results=results,
        )  # fmt: skip
        self.began = self._dialogue.began

    def cancel(self) -> None:
        """The owner wants it stopped."""
        self._cancelled.set()

    def look_at_inputs(self) -> None:
        """The owner may have said something to it."""
        self._hearing.look()
        self._outlet.effects.wake()

    # --- its start ---

    async def start(self, *, is_resumed: bool = False) -> None:
        """Gives the container its task. Raises `Stale` when it is not ours any more.

        A resumed task finds its workspace as it left it: nothing is copied into it again.
        """
        await self._claim.attach(self._slot.name)
        await self.open_outlet()
        copied = await self._provide(is_resumed=is_resumed)
        steps, inputs = await self._claim.steps(), await self._hearing.so_far()
        first = task_line(
            self.task, self._config, steps=steps, inputs=inputs, stands=self._outlet.stands,
            copied=copied, time_s=self._limit_s,
        )  # fmt: skip
        await self._slot.line.send(first)

    async def _provide(self, *, is_resumed: bool) -> Copied:
        provisions = Provisions(
            claim=self._claim, slot=self._slot, outlet=self._outlet,
            owner=self._p.launcher.owner_ids(),
        )  # fmt: skip
        if (order := order_from_json(self.task.manifest)) is not None:
            await provisions.give_skill(
                order, cargo=self._p.cargo, packages=self._p.packages, cancelled=self._cancelled
            )
        return await (provisions.given_before() if is_resumed else provisions.give_files())

    async def open_outlet(self) -> None:
        """Opens the task's way out; a container that is adopted needs it again."""
        await self._outlet.open(self._slot)

    async def cut(self) -> None:
        """Closes the way out of a task that did not start."""
        await self._outlet.cut()

    # --- its end ---

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
            await self._remove()  # what it did is staged: it has nothing more to do
        if isinstance(end, Ending):
            end = await self._closing.settle(end, self._cancelled)
        if end is not None:
            await self._closing.write_down(end)
        await self._remove()
        await self._clean_up()

    async def finish_settling(self, ending: Ending) -> None:
        """Goes on with a task whose container is gone and whose changes wait for the owner."""
        outcome = await self._closing.settle(ending, self._cancelled)
        await self._closing.write_down(outcome)
        await self._clean_up()

    async def _until_the_end(self) -> Outcome | Ending:
        async with (
            held(self._dialogue.until_finished(), name=f"task {self.task.no}") as dialogue,
            held(self._watch.run(), name=f"watch {self.task.no}") as watch,
            held(self._cancelled.wait(), name="cancel") as cancelled,
            held(self._hearing.pass_on(), name="inputs") as inputs,
            held(self._outlet.keep_books(), name="books"),
        ):
            await asyncio.wait(
                {dialogue, watch, cancelled, inputs}, return_when=asyncio.FIRST_COMPLETED
            )
            if cancelled.done():
                return CANCELLED
            if dialogue.done():
                return await self._closing.read(await dialogue)
            if watch.done():
                return await watch
            await inputs
        return DIED

    async def _remove(self) -> None:
        await insist(lambda: self._p.launcher.remove(self._slot.name))

    async def _clean_up(self) -> None:
        await self._slot.delete()
        await self._outlet.commits.discard()
