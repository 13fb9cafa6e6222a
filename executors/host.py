"""The executor host: claims tasks, runs each in a container of its own, and survives its own death.

At start it settles what a former process of the same host id left. Wake-ups come over Redis; a look
into Postgres every second finds what a lost one announced.

    Readiness  whether it can work, and its warm containers
    Leftovers  what a former process left
    Runs       the tasks that it works on
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from core.spawn import forever, insist
from core.stop import CHANNEL
from core.wake import Wake
from executors.box_images import Preparations
from executors.claim import Stale
from executors.leftovers import Leftovers
from executors.readiness import Readiness
from executors.results import discard_forgotten
from executors.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.config import ConfigStore
    from core.spawn import Spawner
    from core.tasks import Task, TaskNo
    from executors.box_images import BoxImages
    from executors.isolation import Isolation
    from executors.pool import Pool
    from executors.run import RunParts

log = logging.getLogger(__name__)

LEASE_S = 15.0
RENEW_EVERY_S = 4.0
LOOK_EVERY_S = 1.0
TIDY_EVERY_S = 3600.0


class Host:
    """One executor host. `start` once, then its lanes run until the spawner closes."""

    def __init__(
        self, *, host: str, parts: RunParts, pool: Pool, config: ConfigStore, spawner: Spawner,
        hear: Callable[[str, Callable[[], None]], Awaitable[None]],
        isolation: Isolation, images: BoxImages,
    ) -> None:  # fmt: skip
        self._host = host
        self._p = parts
        self._pool = pool
        self._config = config
        self._spawner = spawner
        self._hear = hear
        boxes = Preparations(images, isolation, self._say)
        self._runs = Runs(parts, pool, config=config, boxes=boxes, spawner=spawner)
        self._leftovers = Leftovers(host, parts, pool=pool, runs=self._runs)
        self.readiness = Readiness(host, parts, pool=pool, config=config, isolation=isolation)
        self._unknown: frozenset[TaskNo] = frozenset()
        self._stop_news = Wake(LOOK_EVERY_S)
        self._control_after = ""

    async def start(self) -> None:
        """Waits for the engine, settles what was left behind, and begins to work."""
        lanes = {
            "renew": self._renew, "wake-ups": self._read_wakeups, "control": self._read_control,
            "look": self._look, "claim": self._claim, "pool": self.readiness.keep_warm,
            "stop": self._stop, "tidy": self._tidy,
            "listen": lambda: self._hear(CHANNEL, self._stop_news.set),
        }  # fmt: skip
        await self.readiness.wait(with_isolation=False)
        await asyncio.to_thread(self._p.outlet.commits.files.recover)
        await insist(self._leftovers.settle)
        await self.readiness.wait()
        self._pool.lacking.set()
        self._runs.room.set()
        for name, step in lanes.items():
            self._spawner.spawn(forever(step, name=name), name=name)

    async def _say(self, task: Task, text: str) -> None:
        """Progress of a task that has no container yet."""
        with suppress(Stale):
            await self._p.claim(task).progress(text)

    # --- what is announced ---

    async def _read_wakeups(self) -> None:
        if await self._p.bus.read_group("tasks", group="executors", consumer=self._host, wait_s=5):
            self._runs.room.set()

    async def _read_control(self) -> None:
        if not self._control_after:
            self._control_after = await self._p.bus.newest("control")
        entries = await self._p.bus.read("control", after=self._control_after, wait_s=5)
        if entries:
            self._control_after = entries[-1].id
            looks = [e.fields for e in entries if e.fields.get("kind") == "look"]
            self._runs.show([fields.get("no", "") for fields in looks])
            await self._obey()

    async def _stop(self) -> None:
        """An emergency stop comes from Postgres itself, so that it needs no Redis."""
        await self._stop_news.wait()
        if self._runs:
            await self._obey()

    async def _look(self) -> None:
        """The fallback for lost wake-ups."""
        await asyncio.sleep(LOOK_EVERY_S)
        if self._runs:
            await self._obey()

    async def _obey(self) -> None:
        self._runs.cancel(await self._p.tasks.cancel_wanted(self._host))
        self._runs.look_at_inputs()
        self._pool.lacking.set()

    # --- what is claimed ---

    async def _claim(self) -> None:
        await self._runs.room.wait()
        while True:
            config = await self._config.current()
            task = await self._p.tasks.claim_next(
                host=self._host, parallel=config.whole("tasks.parallel"), lease_s=LEASE_S
            )
            if task is None:
                return
            self._runs.take(task)

    async def _renew(self) -> None:
        """Only what is worked on is renewed; a claim whose answer was lost goes back."""
        await asyncio.sleep(RENEW_EVERY_S)
        mine = frozenset(self._runs.mine)
        if mine:
            await self._p.tasks.renew(sorted(mine), host=self._host, lease_s=LEASE_S)
        ours = await self._p.tasks.held(self._host)
        unknown = {task.no: task for task in ours if task.no not in self._runs.mine | mine}
        for no in unknown.keys() & self._unknown:  # twice: not only a claim on its way to us
            log.warning("task #%s was claimed and forgotten", no)
            await self._p.tasks.requeue(no, unknown[no].fence)
        self._unknown = frozenset(unknown)

    async def _tidy(self) -> None:
        """Throws away what forgotten tasks handed over."""
        await discard_forgotten(self._p.results, self._p.tasks)
        await asyncio.sleep(TIDY_EVERY_S)
