"""The lanes of heartbeat, schedules and triggers.

Each `look` leaves whole transactions only; killed in between, what was due is still due and nothing
fires twice (the stores see to that). The listener and the mailboxes exist only with their triggers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bot.delivery import text_payload
from bot.render import compose
from core.models import routes
from core.tasks import TaskState
from heartbeat.webhooks import Webhooks

if TYPE_CHECKING:
    from bot.autonomy_parts import Autonomy
    from heartbeat.checks import Problem
    from heartbeat.mail import MailWatches

PORT = "triggers.port"
AT_WORK = (TaskState.QUEUED, TaskState.RUNNING)


class AutonomyLanes:
    """One look of each kind; `close` at the end."""

    def __init__(self, autonomy: Autonomy) -> None:
        self._a = autonomy
        self._told = ""
        self._port: int | None = None
        self.webhooks: Webhooks | None = None
        self._mail: MailWatches | None = None

    async def schedules(self) -> None:
        """Starts what is due and judges what ended."""
        try:
            await self._a.scheduler.look()
        finally:
            await self._a.tell()

    async def beat(self) -> None:
        """One beat; without a model nothing is looked at."""
        parts = self._a.parts
        await self._a.zone()
        await self._tell_problems(self._a.plan().problems)
        if not routes(await parts.config.current(), "coordinator"):
            return
        self._a.is_busy = any(task.state in AT_WORK for task in await parts.tasks.live())
        try:
            await self._a.beat.look()
        finally:
            await self._a.tell()

    async def triggers(self) -> None:
        """Looks into folders, then turns events that wait into tasks."""
        await self._a.folders.look()
        try:
            await self._a.triggers.look()
        finally:
            await self._a.tell()

    async def listen(self) -> None:
        """Opens and closes the listener and the mailboxes as their triggers come and go."""
        await self._watch_mail()
        await self._listen()

    async def _listen(self) -> None:
        port = (await self._a.parts.config.current()).whole(PORT)
        if self.webhooks is not None and port != self._port:
            await self.webhooks.close()
            self.webhooks = None
        if self.webhooks is None:
            self._port = port
            self.webhooks = Webhooks(self._a.trigger_store, secret=self._a.secret, port=port)
        await self.webhooks.look()

    async def _watch_mail(self) -> None:
        if self._mail is None:
            if not await self._a.trigger_store.all("mail"):
                return
            from heartbeat.mail import MailWatches

            self._mail = MailWatches(self._a.trigger_store, secret=self._a.secret)
        await self._mail.look()

    async def _tell_problems(self, problems: tuple[Problem, ...]) -> None:
        """One card for a set of problems, once, also over restarts."""
        text = "\n".join(problem.sentence() for problem in problems)
        if text == self._told:
            return
        owner_id = await self._a.parts.facts.owner_id()
        if text and owner_id is not None:
            key = f"heartbeat:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            payload = text_payload(compose(problems_text(problems)))
            async with self._a.parts.database.transaction() as session:
                await self._a.parts.store.enqueue(
                    session, owner_id, payload, method="text", key=key
                )
            self._a.parts.wake_outbox()
        self._told = text if owner_id is not None else self._told

    async def close(self) -> None:
        """Stops listening and watching."""
        if self.webhooks is not None:
            await self.webhooks.close()
        if self._mail is not None:
            await self._mail.close()


def problems_text(problems: tuple[Problem, ...]) -> str:
    """All that is wrong with HEARTBEAT.md, for one message."""
    lines = "\n".join(f"• {problem.sentence()}" for problem in problems[:20])
    return f"Some of HEARTBEAT.md does not run:\n{lines}"[:3500]
