"""Background tasks that nobody loses.

`asyncio` keeps only a weak reference to a task: one that nobody holds can vanish in mid-work, and
its exception with it. A `Spawner` holds every task it starts, reports each failure once, and ends
all on close.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import ConfigError, Retryable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Spawner:
    """Owns background tasks; closing it cancels them and waits until they ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Starts `work` in the background; a failure is logged under `name`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", extra={"work": task.get_name()}, exc_info=error)

    async def close(self) -> None:
        """Cancels every task and waits for all of them."""
        while self._tasks:
            await end(*self._tasks)


@asynccontextmanager
async def held(
    work: Coroutine[Any, Any, Result], *, name: str
) -> AsyncIterator[asyncio.Task[Result]]:
    """Runs `work` beside the block; at the block's end it is cancelled and waited for.

    A failure of `work` shows when the block awaits the task; a block that never does not care.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    try:
        yield task
    finally:
        await end(task)
        if not task.cancelled():
            task.exception()


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels `tasks` until they have ended.

    Libraries sometimes swallow a cancellation that arrives together with their result; such a task
    would run on for ever. So it is cancelled again every half second.
    """
    left: Collection[asyncio.Task[Any]] = tasks
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)


async def run_until_told(work: Coroutine[Any, Any, None]) -> None:
    """Runs the work of a whole process until it ends, or SIGTERM or SIGINT ends it."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with held(work, name="work") as working, held(told.wait(), name="told") as stop:
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working


async def forever(step: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Runs `step` again and again until cancelled.

    `Retryable` waits as long as it says. Any other failure is logged and waits with backoff (0.5 s
    to 30 s), so that one bad moment never ends a lane; only a `ConfigError` does. Cancelling ends
    it at the current await of `step`.
    """
    pause = 0.5
    while True:
        try:
            await step()
            pause = 0.5
        except ConfigError:
            raise  # only the operator can mend that: the process ends and says so
        except Retryable as error:
            log.warning("%s waits: %s", name, error)
            await asyncio.sleep(error.after_s)
        except Exception:  # the gate around a lane: whatever fails inside must not end it
            log.exception("%s failed and will try again", name)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)


async def insist(work: Callable[[], Awaitable[Result]]) -> Result:
    """Does `work` again until Postgres is back: what must be written down is never dropped."""
    while True:
        try:
            return await work()
        except Retryable as error:
            log.warning("waiting to write down: %s", error)
            await asyncio.sleep(min(error.after_s, 5.0))


async def to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Carries `work` to its end also when the caller is cancelled meanwhile.

    For what must not be broken off once it has begun. The cancellation is not raised: what was
    done is told to the caller, who decides what follows.
    """
    task = asyncio.get_running_loop().create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()
