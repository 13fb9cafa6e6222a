"""Images that are missing when a task needs them: built once, by a process of their own.

Threat: a build runs other people's programs on this machine, so its process is not given the
instance's secrets. Any number of tasks wait for one build; a task that is stopped meanwhile only
stops waiting.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.spawn import held
from core.tasks import Outcome, TaskState
from executors.boxes import SPECS
from executors.watch import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from core.spawn import Spawner
    from core.tasks import Box, Task, TaskNo
    from executors.isolation import Isolation
    from executors.ports import Launcher

WITHIN_S = 3600.0
TOLD_CAP = 400
LOW_PRIORITY = ("nice", "-n", "19")
SECRET_NAMES = frozenset({
    "AGENTAI_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET", "MODEL_API_KEY", "OPENROUTER_API_KEY",
})  # fmt: skip


class BoxImages:
    """The images of this host. `command` followed by a box's name builds its image."""

    def __init__(self, launcher: Launcher, spawner: Spawner, *, command: Sequence[str]) -> None:
        self._launcher = launcher
        self._spawner = spawner
        self._command = tuple(command)
        self._builds: dict[Box, asyncio.Task[str]] = {}

    async def ensure(self, box: Box, on_build: Callable[[], Awaitable[None]]) -> None:
        """Returns once the image is there; `on_build` is called when that takes a while.

        `UserFacing` when it cannot be built, `Retryable` while the engine is away. Cancelling
        leaves the build running for others.
        """
        if await self._launcher.has_image(box):
            return
        await on_build()
        if why := await asyncio.shield(self._building(box, self._command)):
            raise UserFacing(
                f"What it runs in (the {box} image) could not be prepared: {why}.",
                f"`agentai image {box}` on the server says more.",
            )

    async def build_missing(self, boxes: Sequence[Box], say: Callable[[str], None]) -> None:
        """Builds what is missing, one after the other, whenever the processor has time."""
        for box in boxes:
            if await self._launcher.has_image(box):
                continue
            say(f"image: preparing the {box} image in the background, {SPECS[box].takes} or more")
            why = await asyncio.shield(self._building(box, (*LOW_PRIORITY, *self._command)))
            failed = f"cannot be prepared: {why}; a task that needs it tries again"
            say(f"image: the {box} image {failed if why else 'is there'}")

    def _building(self, box: Box, command: Sequence[str]) -> asyncio.Task[str]:
        """The build under way, or a new one."""
        build = self._builds.get(box)
        if build is None or build.done():
            build = self._spawner.spawn(_build((*command, box)), name=f"image {box}")
            self._builds[box] = build
        return build


async def _build(command: Sequence[str]) -> str:
    """Empty when it was built, else why not."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
        env=without_secrets(os.environ), start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_S):
            _, said = await process.communicate()
    except TimeoutError:
        return f"it took longer than {WITHIN_S / 60:.0f} minutes"
    finally:
        await _end(process)
    return "" if process.returncode == 0 else last_words(said)


async def _end(process: Process) -> None:
    """The process and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs that need none of the instance's secrets. Pure."""
    return {k: v for k, v in environment.items() if k.upper() not in SECRET_NAMES}


def last_words(said: bytes) -> str:
    """What a build said last, for a person. Pure."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("image: ")]
    text = " ".join(told[-3:]) or "the build ended without a word"
    return "".join(c if c.isprintable() else " " for c in text)[-TOLD_CAP:].rstrip(".")


class Preparations:
    """Makes the boxes of tasks ready: image and isolation; a task may be stopped meanwhile."""

    def __init__(
        self, images: BoxImages, isolation: Isolation,
        tell: Callable[[Task, str], Awaitable[None]],
    ) -> None:  # fmt: skip
        self.images = images
        self.isolation = isolation
        self._tell = tell
        self._stops: dict[TaskNo, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._stops)

    def stop(self, no: TaskNo) -> None:
        """The task `no` shall not start any more; nothing happens when it is not waiting here."""
        if no in self._stops:
            self._stops[no].set()

    async def ready(self, task: Task) -> Outcome | None:
        """None once the box of `task` may be used, else how the task ends without having begun.

        `Retryable` when it should be tried again later.
        """
        if task.box == "executor":  # the host does not work at all without it
            return None
        stop = self._stops.setdefault(task.no, asyncio.Event())
        try:
            async with (
                held(self._prepare(task), name=f"box of {task.no}") as preparing,
                held(stop.wait(), name="stop") as stopped,
            ):
                await asyncio.wait({preparing, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not preparing.done():
                    return CANCELLED
                await preparing
        except UserFacing as error:
            return Outcome(state=TaskState.FAILED, reason=error.sentence())
        finally:
            self._stops.pop(task.no, None)
        return None

    async def _prepare(self, task: Task) -> None:
        text = f"preparing the {task.box} image, once, {SPECS[task.box].takes}"
        await self.images.ensure(task.box, lambda: self._tell(task, text))
        await self.isolation.check(task.box)
