"""The executor host: claims tasks, runs each in a container of its own, and survives its own death.

At start it looks at what a former process of the same host id left: containers of tasks still held
are adopted, all others are removed; tasks whose container is gone are started again, resumed, or
reported, as `recovery` decides. Wake-ups come over Redis; a look into Postgres every second finds
what a lost one announced.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from core.errors import AgentAIError, ConfigError, Retryable, UserFacing
from core.spawn import forever, insist
from core.stop import CHANNEL
from core.tasks import Outcome, TaskState
from core.wake import Wake
from executors.box_images import Preparations
from executors.ending import Ending
from executors.packages import NoPackages
from executors.pool import Wish
from executors.ports import Limits
from executors.recovery import recover
from executors.results import discard_forgotten
from executors.run import Run, RunParts, Stale
from executors.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from core.config import ConfigStore
    from core.spawn import Spawner
    from core.tasks import Box, Task, TaskNo
    from executors.box_images import BoxImages
    from executors.isolation import Isolation
    from executors.pool import Pool

log = logging.getLogger(__name__)

LEASE_S = 15.0
RENEW_EVERY_S = 4.0
LOOK_EVERY_S = 1.0
REFILL_AFTER_S = 1.0
REPORT_EVERY_S = 10.0
TIDY_EVERY_S = 3600.0
MISTAKE = "An internal error ended it. The executor's log says more."
INTERRUPTED = "The executor stopped while it ran, and its container is gone."


class Host:
    """One executor host. `start` once, then its lanes run until the spawner closes."""

    def __init__(
        self, *, host: str, parts: RunParts, pool: Pool, config: ConfigStore, slots: Path,
        spawner: Spawner, hear: Callable[[str, Callable[[], None]], Awaitable[None]],
        isolation: Isolation, images: BoxImages,
    ) -> None:  # fmt: skip
        self._boxes = Preparations(images, isolation, self._say)
        self._hear = hear
        self._is_settled = False
        self._stop_news = Wake(LOOK_EVERY_S)
        self._host = host
        self._p = parts
        self._pool = pool
        self._config = config
        self._slots = slots
        self._spawner = spawner
        self._runs: dict[TaskNo, Run] = {}
        self._mine: set[TaskNo] = set()  # claimed, and worked on by this process
        self._unknown: frozenset[TaskNo] = frozenset()
        self._wake = Wake(LOOK_EVERY_S)
        self._refill = Wake(REPORT_EVERY_S)
        self._control_after = ""
        self._is_able = False
        self.on_status: Callable[[str, str], None] = lambda status, detail: None

    async def start(self) -> None:
        """Waits for the engine, settles what was left behind, and begins to work."""
        lanes = {
            "renew": self._renew, "wake-ups": self._read_wakeups, "control": self._read_control,
            "look": self._look, "claim": self._claim, "pool": self._keep_warm,
            "stop": self._stop, "tidy": self._tidy,
            "listen": lambda: self._hear(CHANNEL, self._stop_news.set),
        }  # fmt: skip
        await self._wait_for_engine()
        await asyncio.to_thread(self._p.outlet.commits.files.recover)
        await insist(self._settle)
        self._is_settled = True
        await self._wait_for_engine()
        self._refill.set()
        self._wake.set()
        for name, step in lanes.items():
            self._spawner.spawn(forever(step, name=name), name=name)

    async def _wait_for_engine(self) -> None:
        while not await self._check():  # noqa: ASYNC110 - an engine tells nobody when it comes up
            await asyncio.sleep(2)

    async def _check(self) -> bool:
        """Reports whether this host can work; says what to do when it cannot."""
        try:
            await self._p.launcher.check()
            if self._is_settled:  # before, its container would look like a left-over
                await self._boxes.isolation.check()
        except UserFacing as error:
            self._is_able = False
            await self._report("not_able", error.sentence())
            return False
        except Retryable as error:
            await self._report("not_able", str(error))
            return False
        self._is_able = True
        return True

    async def _report(self, status: str, detail: str) -> None:
        self.on_status(status, detail)
        try:
            await self._p.tasks.report_host(host=self._host, status=status, detail=detail)
        except Retryable as error:
            log.warning("status not reported: %s", error)

    # --- what a former process left ---

    async def _settle(self) -> None:
        tasks = await self._p.tasks.held(self._host)
        by_slot = {task.slot: task for task in tasks if task.slot}
        running = {c.slot for c in await self._p.launcher.list() if c.is_running}
        for found in await self._p.launcher.list():
            if found.slot not in by_slot or not found.is_running:
                await self._p.launcher.remove(found.slot)
        for folder in self._slots.iterdir() if self._slots.exists() else ():
            if folder.is_dir() and folder.name not in by_slot:
                await Slot(self._slots, folder.name).delete()
        for task in tasks:
            if task.no not in self._mine:
                self._mine.add(task.no)
                await self._settle_safely(task, has_container=task.slot in running)

    async def _settle_safely(self, task: Task, *, has_container: bool) -> None:
        """One task that cannot be settled must not keep this host from starting."""
        try:
            await self._settle_one(task, has_container=has_container)
        except (Retryable, ConfigError):
            self._mine.discard(task.no)
            raise
        except Exception:  # the gate around one task
            log.exception("task #%s cannot be picked up again", task.no)
            await self._end_by_mistake(task)

    async def _settle_one(self, task: Task, *, has_container: bool) -> None:
        slot = Slot(self._slots, task.slot or "none")
        steps = await self._p.tasks.steps(task.no)
        finishing = await self._p.outlet.effects.seen.finishing(task)
        verdict = recover(
            kind=task.kind, steps=steps, has_container=has_container,
            has_workspace=slot.work.is_dir(), is_finishing=finishing is not None,
        )  # fmt: skip
        log.info("task #%s was left behind: %s", task.no, verdict)
        match verdict:
            case "settle" if finishing is not None:
                await self._p.launcher.remove(slot.name)
                run = Run(self._p, task, slot, await self._config.current())
                self._runs[task.no] = run
                self._spawn(task, self._settle_ending(run, Ending.from_json(finishing)))
            case "adopt":
                await slot.prepare(self._p.launcher.owner_ids())
                run = Run(self._p, task, slot, await self._config.current())
                await run.open_outlet()
                await self._go(run)
            case "requeue":
                await self._p.launcher.remove(slot.name)
                await slot.delete()
                await self._p.tasks.requeue(task.no, task.fence)
                self._mine.discard(task.no)
            case "resume":
                self._spawn(task, self._begin(task, name=slot.name))
            case "unknown":
                outcome = Outcome(state=TaskState.UNKNOWN, reason=INTERRUPTED)
                await self._p.tasks.finish(task.no, task.fence, outcome)
                self._mine.discard(task.no)
                await self._p.bus.publish("events", kind="task", no=str(task.no))

    async def _settle_ending(self, run: Run, ending: Ending) -> None:
        try:
            await run.finish_settling(ending)
        finally:
            self._runs.pop(run.task.no, None)
        self._mine.discard(run.task.no)

    # --- lanes ---

    async def _read_wakeups(self) -> None:
        if await self._p.bus.read_group("tasks", group="executors", consumer=self._host, wait_s=5):
            self._wake.set()

    async def _read_control(self) -> None:
        if not self._control_after:
            self._control_after = await self._p.bus.newest("control")
        entries = await self._p.bus.read("control", after=self._control_after, wait_s=5)
        if entries:
            self._control_after = entries[-1].id
            self._show([e.fields.get("no", "") for e in entries if e.fields.get("kind") == "look"])
            await self._obey()

    def _show(self, wanted: list[str]) -> None:
        """The owner wants to see what the browsers of these tasks show."""
        for no, run in self._runs.items():
            if run.looks is not None and str(no) in wanted:
                self._spawner.spawn(run.looks.show(), name=f"look {no}")

    async def _stop(self) -> None:
        """An emergency stop comes from Postgres itself, so that it needs no Redis."""
        await self._stop_news.wait()
        if self._runs or self._boxes:
            await self._obey()

    async def _look(self) -> None:
        """The fallback for lost wake-ups."""
        await asyncio.sleep(LOOK_EVERY_S)
        if self._runs or self._boxes:
            await self._obey()

    async def _obey(self) -> None:
        for no in await self._p.tasks.cancel_wanted(self._host):
            if no in self._runs:
                self._runs[no].cancel()
            self._boxes.stop(no)
        for run in self._runs.values():
            run.look_at_inputs()
        self._refill.set()

    async def _renew(self) -> None:
        """Only what is worked on is renewed; a claim whose answer was lost goes back."""
        await asyncio.sleep(RENEW_EVERY_S)
        mine = frozenset(self._mine)
        if mine:
            await self._p.tasks.renew(sorted(mine), host=self._host, lease_s=LEASE_S)
        ours = await self._p.tasks.held(self._host)
        unknown = {task.no: task for task in ours if task.no not in self._mine | mine}
        for no in unknown.keys() & self._unknown:  # twice: not only a claim on its way to us
            log.warning("task #%s was claimed and forgotten", no)
            await self._p.tasks.requeue(no, unknown[no].fence)
        self._unknown = frozenset(unknown)

    async def _claim(self) -> None:
        await self._wake.wait()
        while True:
            config = await self._config.current()
            task = await self._p.tasks.claim_next(
                host=self._host, parallel=config.whole("tasks.parallel"), lease_s=LEASE_S
            )
            if task is None:
                return
            self._mine.add(task.no)
            self._spawn(task, self._begin(task))

    async def _keep_warm(self) -> None:
        await self._refill.wait()
        if not await self._check():
            await asyncio.sleep(2)
            self._refill.set()
            return
        if not await self._pool.refill(await self._wishes()):
            self._refill.set()
        await self._report("ready", f"{self._pool.count} warm")

    async def _wishes(self) -> dict[Box, Wish]:
        """What should be warm; a browser only where its image is already."""
        config = await self._config.current()
        sizes: dict[Box, int] = {"executor": config.whole("pool.size")}
        browsers = config.whole("pool.browser")
        if browsers and await self._p.launcher.has_image("browser"):
            sizes["browser"] = browsers
        return {box: Wish(size=size, limits=Limits.of(config, box)) for box, size in sizes.items()}

    async def _tidy(self) -> None:
        """Throws away what forgotten tasks handed over."""
        await discard_forgotten(self._p.results, self._p.tasks)
        await asyncio.sleep(TIDY_EVERY_S)

    # --- one task ---

    def _spawn(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        self._spawner.spawn(self._guard(task, work), name=f"task {task.no}")

    async def _guard(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        """A mistake of ours must not leave a task running that nobody looks after."""
        try:
            await work
        except Exception:  # the gate around one task's work
            log.exception("task #%s is ended by a mistake of ours", task.no)
            await self._end_by_mistake(task)

    async def _end_by_mistake(self, task: Task) -> None:
        """Ends a task and whatever runs of it."""
        self._runs.pop(task.no, None)
        known = await insist(lambda: self._p.tasks.get(task.no))
        if known is not None and known.slot is not None:
            await insist(lambda: self._p.launcher.remove(str(known.slot)))
            await Slot(self._slots, str(known.slot)).delete()
        outcome = Outcome(state=TaskState.FAILED, reason=MISTAKE)
        await insist(lambda: self._p.tasks.finish(task.no, task.fence, outcome))
        self._mine.discard(task.no)
        await self._p.bus.publish("events", kind="task", no=str(task.no))

    async def _begin(self, task: Task, *, name: str | None = None) -> None:
        """Gets a container for a claimed task and runs it to its end."""
        config = await insist(self._config.current)
        limits, box = Limits.of(config, task.box), task.box
        try:
            if (ended := await self._boxes.ready(task)) is not None:
                await self._end_unstarted(task, ended)
                return
            slot = await (
                self._pool.start(limits, name=name, box=box) if name
                else self._pool.take(limits, box)
            )  # fmt: skip
        except AgentAIError as error:
            log.warning("no container for task #%s: %s", task.no, error)
            await asyncio.sleep(2)
            await insist(lambda: self._p.tasks.requeue(task.no, task.fence))
            self._mine.discard(task.no)
            self._refill.set()
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
        await self._p.bus.publish("events", kind="task", no=str(task.no))
        await self._go(run)

    async def _say(self, task: Task, text: str) -> None:
        await insist(lambda: self._p.tasks.report_progress(task.no, task.fence, text))
        await self._p.bus.publish("events", kind="task", no=str(task.no))

    async def _end_unstarted(self, task: Task, outcome: Outcome) -> None:
        self._mine.discard(task.no)
        await insist(lambda: self._p.tasks.finish(task.no, task.fence, outcome))
        await self._p.bus.publish("events", kind="task", no=str(task.no))

    async def _not_started(self, task: Task, error: Exception) -> None:
        if isinstance(error, Stale):
            self._mine.discard(task.no)
            return
        why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        reason = f"A file for it could not be copied: {why}."
        if isinstance(error, NoPackages):
            reason = error.sentence()
        await self._end_unstarted(task, Outcome(state=TaskState.FAILED, reason=reason))

    async def _go(self, run: Run) -> None:
        self._runs[run.task.no] = run
        self._spawn(run.task, self._carry(run))
        self._spawner.spawn(self._refill_soon(run), name="refill")

    async def _carry(self, run: Run) -> None:
        try:
            await run.finish()
        finally:
            self._runs.pop(run.task.no, None)
            self._wake.set()
        self._mine.discard(run.task.no)

    async def _refill_soon(self, run: Run) -> None:
        """A new warm container is started once the task is at work: it should not wait for that."""
        try:
            async with asyncio.timeout(REFILL_AFTER_S):
                await run.began.wait()
        except TimeoutError:
            pass
        self._refill.set()
