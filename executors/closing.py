"""The end of a task: its files collected, its changes settled with the owner, and written down.

What it changed is kept in Postgres before anybody is asked about it, so a `kill -9` in between
asks the owner about the same again, and about nothing else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.spawn import held, insist
from core.tasks import Outcome, TaskState
from executors.ending import Ending
from executors.protocol import RESULT_CAP
from executors.results import collect
from executors.watch import CANCELLED

if TYPE_CHECKING:
    from pathlib import Path

    from executors.claim import Claim
    from executors.effects import EffectParts
    from executors.outlet import Outlet
    from executors.protocol import Finish


@dataclass(frozen=True, kw_only=True)
class Closing:
    """Of one task; `results` is the folder that takes the files which it hands over."""

    claim: Claim
    outlet: Outlet
    effects: EffectParts
    work: Path
    results: Path

    async def read(self, end: Finish) -> Outcome | Ending:
        """What its container made of it; an `Ending` when there are changes to settle first."""
        files, refused = await asyncio.to_thread(collect, self.work, end.files, self.results)
        outcome = Outcome(
            state=TaskState.DONE if end.state == "done" else TaskState.FAILED,
            result=(f"{end.result}\n\n{refused}" if refused else end.result)[:RESULT_CAP],
            reason=end.reason, files=files, exit_code=end.code,
        )  # fmt: skip
        task = self.claim.task
        if task.is_quiet:
            return outcome  # what it did to its copies of the owner's files is dropped with them
        changes = await self.outlet.commits.stage(self.work)
        if not changes.items and not changes.refused:
            return outcome
        ending = Ending(outcome=outcome, changes=changes)
        kept = ending.to_json()
        await self.claim.write(lambda: self.effects.seen.keep_finishing(task, kept))
        return ending

    async def settle(self, ending: Ending, cancelled: asyncio.Event) -> Outcome:
        """The outcome once its changes are settled, or the owner's cancel before that."""
        async with (
            held(self._settled(ending), name=f"settle {self.claim.task.no}") as settling,
            held(cancelled.wait(), name="cancel") as stopped,
        ):
            await asyncio.wait({settling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                return await settling
        if settling.cancelled():
            return CANCELLED
        return settling.result()  # the commit had begun, so it went on to its end

    async def _settled(self, ending: Ending) -> Outcome:
        """Brings the task's changes to the owner's files, asking where needed."""
        note = await self.outlet.commits.settle(ending.changes)
        outcome = ending.outcome
        result = f"{outcome.result}\n\n{note}".strip() if note else outcome.result
        return replace(outcome, result=result[-RESULT_CAP:])

    async def write_down(self, outcome: Outcome) -> None:
        """Its end; what it still asked for is withdrawn."""
        await self.claim.finish(outcome)
        await insist(lambda: self.effects.approvals.withdraw(self.claim.task.no))
        await self.claim.tell()
