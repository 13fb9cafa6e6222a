"""Heavy work, as the serving process asks for it. Imports nothing heavy.

Every lane is a process that starts with its first call and ends when it was idle for a while. A
call that crashes its process or takes too long ends that process only; the next call gets a new
one. The caller gets `Retryable` and decides; what ended its process three times within an hour is
refused as `UserFacing`. When serve dies, its processes die with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.heavy.child import Attachment, Child, ChildDied, OnProgress
from coordinator.heavy.frames import BadFrame, Json, pack
from coordinator.heavy.jobs import Lane, Reach, absolute, find_job, reach_of
from coordinator.heavy.strikes import Strikes
from core.errors import AgentAIError, Bug, Retryable, UserFacing
from core.spawn import Spawner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

IDLE_S = 120.0
LEAVE_S = 5.0  # so long a process may take to end by itself


def usual_idle_time() -> float:
    """How long a process may idle when nobody has set it."""
    return IDLE_S


def _nobody(share: float, text: str) -> None:
    """Nobody listens."""


@dataclass(kw_only=True, slots=True)
class _Call:
    frame: bytes
    attached: Attachment | None
    reach: Reach
    on_progress: OnProgress
    begun_at: float | None = None


class Heavy:
    """All lanes. Close it at the end; what is under way then ends."""

    def __init__(self, *, idle_s: Callable[[], float] = usual_idle_time) -> None:
        self._idle_s = idle_s
        self._lanes: dict[str, _LaneRunner] = {}
        self._strikes = Strikes()
        self._spawner = Spawner()

    async def call(
        self, job: str, payload: Mapping[str, object], *, timeout_s: float,
        on_progress: OnProgress = _nobody,
    ) -> Json:  # fmt: skip
        """The result of one job; calls of one lane run one after the other, in order.

        A payload's `path` is a file that goes with the call. `timeout_s` counts from now, with the
        wait for the lane. Raises what the job raises
        (`UserFacing`, `Retryable`), `Retryable` when the process died or time ran out, and `Bug`
        when the job failed otherwise. Cancelling ends the job, except in the lane of questions:
        whoever asks there waits a fifth of a second only, and the next one finds it ready.
        """
        found, attached = find_job(job), None
        if (path := absolute(payload.get("path"))) is not None:
            attached = await asyncio.to_thread(Attachment.of, path)
        size = attached.size if attached else None
        try:
            frame = pack({"job": job, "payload": dict(payload), "attached": size})
        except BadFrame as error:
            raise UserFacing("That is too large to be worked on.") from error
        digest = hashlib.sha256(frame).digest()
        if self._strikes.is_out(digest, now=time.monotonic()):
            raise UserFacing(
                "This could not be processed: it broke the program that reads it, three times.",
                "Try it in another format, or a shorter one.",
            )
        call = _Call(
            frame=frame, attached=attached, reach=reach_of(payload), on_progress=on_progress
        )
        try:
            body = await self._work(found.lane, call, timeout_s)
        except TimeoutError as error:
            raise self._too_slow(job, call, digest, timeout_s=timeout_s) from error
        except ChildDied as error:
            self._strikes.add(digest, now=time.monotonic())
            log.warning("a heavy process died at work", extra={"job": job})
            raise Retryable(f"the process for {job} ended in the middle of its work") from error
        self._strikes.clear(digest)
        return _result(job, body)

    async def _work(self, lane: Lane, call: _Call, timeout_s: float) -> Json:
        async def work() -> Json | TimeoutError | AgentAIError:
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._lane(lane).run(call)
            except (TimeoutError, AgentAIError) as error:
                return error

        if lane.is_brief:
            task = self._spawner.spawn(work(), name=f"heavy {lane.name}")
            ended: Json | TimeoutError | AgentAIError = await asyncio.shield(task)
        else:
            ended = await work()
        if isinstance(ended, Exception):
            raise ended
        return ended

    def _too_slow(self, job: str, call: _Call, digest: bytes, *, timeout_s: float) -> Retryable:
        """Work that had most of the time for itself is to blame; waiting for its turn is not."""
        now = time.monotonic()
        if call.begun_at is None:
            return Retryable(f"{job} is busy with other work", 5.0)
        if now - call.begun_at > timeout_s / 2:
            self._strikes.add(digest, now=now)
        return Retryable(f"{job} took longer than {timeout_s:g} s", 5.0)

    def _lane(self, lane: Lane) -> _LaneRunner:
        if lane.name not in self._lanes:
            self._lanes[lane.name] = _LaneRunner(lane, self._idle_s)
        return self._lanes[lane.name]

    def processes(self) -> dict[str, int]:
        """The process ids that run now, by lane."""
        return {name: c.pid for name, lane in self._lanes.items() if (c := lane.child) is not None}

    def memory_mb(self) -> dict[str, float]:
        """The memory (PSS) of each running process, by lane."""
        children = ((name, lane.child) for name, lane in self._lanes.items())
        return {name: round(child.pss_mb(), 1) for name, child in children if child is not None}

    async def close(self) -> None:
        """Ends every process and waits until they are gone."""
        await self._spawner.close()
        for lane in self._lanes.values():
            await lane.close()


class _LaneRunner:
    """The process of one lane: started, replaced, rested."""

    def __init__(self, lane: Lane, idle_s: Callable[[], float]) -> None:
        self._lane = lane
        self._idle_s = idle_s
        self._lock = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: set[Child] = set()
        self._is_closed = False
        self.child: Child | None = None

    async def run(self, call: _Call) -> Json:
        """One exchange. Cancelling, or any failure, ends the process."""
        async with self._lock:
            if self._is_closed:
                raise Retryable("the helper processes are ending")
            if self._timer is not None:
                self._timer.cancel()
            child = await self._ready(call.reach)
            call.begun_at = time.monotonic()
            try:
                body = await child.exchange(call.frame, call.attached, call.on_progress)
            except BaseException:
                self._drop()
                raise
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(self._idle_s(), self._lane.most_idle_s), self._rest)
            return body

    async def _ready(self, reach: Reach) -> Child:
        """The running process, or a new one when it died, or may not reach what is asked for."""
        if self.child is not None:
            if self.child.is_alive and self.child.reach.covers(reach):
                return self.child
            reach = reach.joined(self.child.reach)
            self._drop()
        self.child = await Child.start(self._lane, reach)
        return self.child

    def _rest(self) -> None:
        """Lets the idle process go, with the memory it holds; what a file took over stays on."""
        if self.child is not None and not self._lock.locked():
            self.child.hang_up()
            asyncio.get_running_loop().call_later(LEAVE_S, self.child.kill)
            self._leave()

    def _drop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self._leave()

    def _leave(self) -> None:
        assert self.child is not None  # noqa: S101 - both callers have looked
        self._leaving = {child for child in self._leaving if child.is_alive} | {self.child}
        self.child = None

    async def close(self) -> None:
        """Ends the process and those that are still on their way out; none starts any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._drop()
        for child in self._leaving:
            child.kill()
            await child.gone()


def _result(job: str, body: Json) -> Json:
    result, error = body.get("result"), body.get("error")
    if isinstance(result, dict):
        return result
    said = error if isinstance(error, dict) else {}
    text = str(said.get("text", "no result"))
    match said.get("kind"):
        case "user":
            raise UserFacing(text, str(said.get("hint", "")))
        case "retry":
            after_s = said.get("after_s")
            raise Retryable(text, after_s if isinstance(after_s, float) else 1.0)
        case _:
            raise Bug(f"heavy job {job}: {text}")
