"""What the owner says to a running task, and the task's waiting for them.

Redis or the host's look into Postgres every second wakes it; what was said is read from Postgres.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from executors.protocol import held_line, input_line

if TYPE_CHECKING:
    from core.tasks import TaskInput
    from executors.claim import Claim
    from executors.slots import Line

PASS_EVERY_S = 0.1


class Hearing:
    """One task's ear for its owner."""

    def __init__(self, claim: Claim, line: Line) -> None:
        self._claim = claim
        self._line = line
        self._said = asyncio.Event()
        self._answered = asyncio.Event()
        self._last_input = 0
        self._waits = 0  # for an answer, for an approval

    @property
    def is_waiting(self) -> bool:
        """Whether the task waits for its owner: that time does not count as work."""
        return self._waits > 0

    def look(self) -> None:
        """The owner may have said something."""
        self._said.set()
        self._answered.set()

    async def so_far(self) -> list[TaskInput]:
        """All inputs until now, for the task's first line; `pass_on` goes on after them."""
        inputs = await self._claim.inputs()
        self._last_input = max((i.id for i in inputs if i.kind == "steer"), default=0)
        return inputs

    async def pass_on(self) -> None:
        """Passes on what the owner says, until cancelled; what the line does not take comes again.

        Raises nothing but what reading raises.
        """
        while True:
            await self._said.wait()
            self._said.clear()
            for item in await self._claim.inputs(after=self._last_input):
                if item.kind == "steer" and not await self._line.send(input_line(item)):
                    break
                self._last_input = max(self._last_input, item.id)
            await asyncio.sleep(PASS_EVERY_S)

    async def ask(self, step: int, question: str) -> str:
        """The owner's answer to the question of `step`. Cancelling leaves the question open."""
        self._waits += 1
        try:
            while True:
                self._answered.clear()
                said = await self._claim.inputs()
                answers = [i for i in said if i.kind == "answer" and i.step == step]
                if answers:
                    await self._claim.go_on()
                    return answers[0].text
                await self._claim.ask(step, question)
                await self._answered.wait()
        finally:
            self._waits -= 1

    async def hold(self, is_waiting: bool) -> None:
        """The task begins or ends to wait for an approval; its container is told."""
        self._waits += 1 if is_waiting else -1
        await self._claim.hold(is_waiting)
        await self._line.send(held_line(is_waiting))
        await self._claim.tell()
