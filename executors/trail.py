"""What the audit trail says about one task: intents before effects, outcomes after, and refusals.

What is written here is insisted on while Postgres is away: nothing happens that is not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.spawn import insist

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.audit import Audit
    from core.db import Database
    from core.policy import Effect
    from core.tasks import Task
    from executors.wheels import Wheel

NOTED_CAP = 1_000


class Trail:
    """The lines about `task`."""

    def __init__(self, audit: Audit, database: Database, task: Task) -> None:
        self._audit = audit
        self._database = database
        self.task = task
        self._noted: set[tuple[str, str]] = set()

    async def intends(self, effect: Effect) -> None:
        """It is about to happen."""
        body = {"task": self.task.no, "scope": effect.scope, "action": effect.digest}
        await self._append("effect.intent", body)

    async def ended(self, effect: Effect, outcome: str) -> None:
        """How it ended."""
        body = {"task": self.task.no, "action": effect.digest, "outcome": outcome}
        await self._append("effect.outcome", body)

    async def denied(self, scope: str, code: str) -> None:
        """It was not allowed."""
        body = {"task": self.task.no, "scope": scope, "reason": code}
        if self.task.skill:
            body["skill"] = self.task.skill
        await self._append("effect.denied", body)

    async def refused(self, scope: str, code: str) -> None:
        """The task tried what its manifest does not hold, or what never may be.

        The same once a process: a task that tries again and again would fill the audit trail.
        """
        is_known = (scope, code) in self._noted or len(self._noted) >= NOTED_CAP
        if not is_known:
            self._noted.add((scope, code))
            await self.denied(scope, code)

    async def gave(self, wheels: Sequence[Wheel]) -> None:
        """Which packages the task was given, each by its digest."""
        listed = {wheel.name: wheel.sha256 for wheel in wheels}
        body = {"task": self.task.no, "skill": self.task.skill or "", "wheels": listed}
        await self._append("skill.packages", body)

    async def _append(self, kind: str, body: Mapping[str, object]) -> None:
        await insist(lambda: self._audit.append(self._database, kind, body))
