"""What a former process of this host left behind, settled before the next one begins to work.

Containers of tasks still held are adopted, all others are removed with their folders. Tasks whose
container is gone are started again, resumed, settled or reported, as `recovery` decides.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from core.errors import ConfigError, Retryable
from core.tasks import Outcome, TaskState
from executors.ending import Ending
from executors.recovery import recover

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.tasks import Task
    from executors.pool import Pool
    from executors.run import RunParts
    from executors.runs import Runs

log = logging.getLogger(__name__)

INTERRUPTED = "The executor stopped while it ran, and its container is gone."


class Leftovers:
    """Of one host. What it goes on with is among `runs`."""

    def __init__(self, host: str, parts: RunParts, *, pool: Pool, runs: Runs) -> None:
        self._host = host
        self._p = parts
        self._pool = pool
        self._runs = runs

    async def settle(self) -> None:
        """May be called again after it failed; what is worked on already is left alone."""
        tasks = await self._p.tasks.held(self._host)
        by_slot = {task.slot: task for task in tasks if task.slot}
        running = await self._sweep(by_slot)
        for task in tasks:
            if task.no not in self._runs.mine:
                self._runs.mine.add(task.no)
                await self._settle_safely(task, has_container=task.slot in running)

    async def _sweep(self, wanted: Mapping[str, Task]) -> set[str]:
        """Removes the containers and folders of no task; the slots whose container runs."""
        running = set()
        for found in await self._p.launcher.list():
            if found.is_running and found.slot in wanted:
                running.add(found.slot)
            else:
                await self._p.launcher.remove(found.slot)
        for name in self._pool.folders():
            if name not in wanted:
                await self._pool.slot(name).delete()
        return running

    async def _settle_safely(self, task: Task, *, has_container: bool) -> None:
        """One task that cannot be settled must not keep this host from starting."""
        try:
            await self._settle_one(task, has_container=has_container)
        except (Retryable, ConfigError):
            self._runs.mine.discard(task.no)
            raise
        except Exception:  # the gate around one task
            log.exception("task #%s cannot be picked up again", task.no)
            await self._runs.end_by_mistake(task)

    async def _settle_one(self, task: Task, *, has_container: bool) -> None:
        slot, claim = self._pool.slot(task.slot or "none"), self._p.claim(task)
        finishing = await self._p.outlet.effects.seen.finishing(task)
        verdict = recover(
            kind=task.kind, steps=await self._p.tasks.steps(task.no), has_container=has_container,
            has_workspace=slot.work.is_dir(), is_finishing=finishing is not None,
        )  # fmt: skip
        log.info("task #%s was left behind: %s", task.no, verdict)
        match verdict:
            case "settle" if finishing is not None:
                await self._runs.settle(task, slot, Ending.from_json(finishing))
            case "adopt":
                await self._runs.adopt(task, slot)
            case "requeue":
                await self._p.launcher.remove(slot.name)
                await slot.delete()
                await claim.requeue()
                self._runs.mine.discard(task.no)
            case "resume":
                self._runs.take(task, name=slot.name)
            case "unknown":
                await claim.finish(Outcome(state=TaskState.UNKNOWN, reason=INTERRUPTED))
                self._runs.mine.discard(task.no)
                await claim.tell()
