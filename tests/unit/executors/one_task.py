"""A task's line, inputs and announcements in memory: small real classes with the same methods."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.tasks import Outcome, Step, TaskInput


@dataclass
class Written:
    """A task store for one task; `is_ours` says whether its token is the newest."""

    is_ours: bool = True
    calls: list[tuple[object, ...]] = field(default_factory=list)
    said: list[TaskInput] = field(default_factory=list)

    def _note(self, *call: object) -> bool:
        self.calls.append(call)
        return self.is_ours

    async def attach(self, no: int, fence: int, *, slot: str) -> bool:
        return self._note("attach", no, fence, slot)

    async def begin_step(self, no: int, fence: int, step: Step) -> bool:
        return self._note("begin_step", no, fence, step)

    async def end_step(self, no: int, fence: int, index: int, result: str) -> bool:
        return self._note("end_step", no, fence, index, result)

    async def report_progress(self, no: int, fence: int, text: str) -> bool:
        return self._note("report_progress", no, fence, text)

    async def ask(self, no: int, fence: int, *, step: int, question: str) -> bool:
        return self._note("ask", no, fence, step, question)

    async def resume_running(self, no: int, fence: int) -> bool:
        return self._note("resume_running", no, fence)

    async def await_approval(self, no: int, fence: int) -> bool:
        return self._note("await_approval", no, fence)

    async def approval_over(self, no: int, fence: int) -> bool:
        return self._note("approval_over", no, fence)

    async def requeue(self, no: int, fence: int) -> bool:
        return self._note("requeue", no, fence)

    async def finish(self, no: int, fence: int, outcome: Outcome) -> bool:
        return self._note("finish", no, fence, outcome)

    async def inputs(self, no: int, *, after: int) -> list[TaskInput]:
        self.calls.append(("inputs", no, after))
        return [item for item in self.said if item.id > after]


@dataclass
class Streams:
    """Announcements, by the number of their task; `news` holds those nobody waited for yet."""

    told: list[str] = field(default_factory=list)
    news: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def publish(self, stream: str, **fields: str) -> bool:
        assert (stream, fields["kind"]) == ("events", "task")
        self.told.append(fields["no"])
        self.news.put_nowait(fields["no"])
        return True


@dataclass
class Wire:
    """A line that keeps what is sent; while it is broken it takes nothing."""

    sent: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    is_broken: bool = False

    async def send(self, line: bytes) -> bool:
        self.tried.set()
        if not self.is_broken:
            self.sent.put_nowait(line)
        return not self.is_broken
